"""Writes the metadata of TensorFlow Datasets beside finished splits."""

from collections.abc import Sequence

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats import tfds
from indexed_imagenet.transforms.formats.layout import (
    SPLITS,
    TFDS_FEATURES_FILE,
    TFDS_INFO_FILE,
    TFDS_LABELS_FILE,
    staging_dir,
)
from indexed_imagenet.transforms.formats.manifest import Manifest, read_manifest
from indexed_imagenet.transforms.storage.atomic import atomic_write


def finished_splits(output_directory: str) -> dict[str, Manifest]:
    """Returns the manifests of the splits that are finished, by name.

    Raises:
      OSError: one cannot be read.
    """
    manifests = {}
    for split in SPLITS:
        try:
            manifest = read_manifest(output_directory, split)
        except ValueError:  # verify reports a damaged manifest
            continue
        if manifest is not None:
            manifests[split] = manifest
    return manifests


def write_tfds_metadata(output_directory: str, synsets: Sequence[str]) -> None:
    """Writes the files from the manifests; deletes them if no split is finished.

    The caller holds the lock of the directory. Splits that were built apart both
    appear, as the files are made from all manifests each time.

    Args:
      output_directory: where the shards are.
      synsets: of the labels, from 0.

    Raises:
      OSError: a file cannot be written.
    """
    manifests = finished_splits(output_directory)
    if not manifests:
        for name in (TFDS_INFO_FILE, TFDS_FEATURES_FILE, TFDS_LABELS_FILE):
            storage.delete(storage.join(output_directory, name))
        return
    for name, content in tfds.metadata_files(manifests, synsets).items():
        path = storage.join(output_directory, name)
        atomic_write(path, content, staging_dir(output_directory))
