"""Checks the metadata of TensorFlow Datasets against the manifests it was made from."""

from collections.abc import Sequence

from indexed_imagenet.output.tfds_metadata import finished_splits
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.build_id import digest_labels
from indexed_imagenet.transforms.formats.example_encoder import Label
from indexed_imagenet.transforms.formats.tfds import metadata_files
from indexed_imagenet.transforms.verify.fault import Fault


def check_tfds_metadata(directory: str, labels: Sequence[Label]) -> list[Fault]:
    """Makes the metadata again and compares it; files that do not exist are no fault.

    Args:
      directory: where the shards are.
      labels: the class of each label, from 0. If the manifests are of other classes,
        nothing can be compared.

    Raises:
      OSError: a file cannot be read.
    """
    manifests = finished_splits(directory)
    classes = {manifest.build_id.classes for manifest in manifests.values()}
    if classes != {digest_labels(labels)}:
        return []
    synsets = [label.synset for label in labels]
    faults = []
    for name, expected in metadata_files(manifests, synsets).items():
        path = storage.join(directory, name)
        if storage.size(path) is not None and storage.read_bytes(path) != expected:
            what = 'does not match the manifests; rerun the build command to rewrite it'
            faults.append(Fault(path, what))
    return faults
