"""The 1,000 classes of the packaged label files, for readers."""

import dataclasses
import functools

from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.transforms.formats.build_id import digest_labels


@dataclasses.dataclass(frozen=True, slots=True)
class ImageClass:
    """A class.

    Attributes:
      synset: for example ``n02119022``.
      text: its words, for example ``red fox, Vulpes vulpes``; they are not unique.
    """

    synset: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class PackagedClasses:
    """The packaged classes, by label, and the digest that manifests know them by."""

    classes: tuple[ImageClass, ...]
    digest: str


@functools.cache
def packaged_classes() -> PackagedClasses:
    """Reads the packaged label files, once."""
    labels = load_labels(str(SYNSETS_FILE), str(METADATA_FILE))
    classes = tuple(ImageClass(label.synset, label.text) for label in labels)
    return PackagedClasses(classes, digest_labels(labels))
