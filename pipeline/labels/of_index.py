"""The labels of a build: those in the index file, or those of the label files."""

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.transforms.formats.example_encoder import Label, make_labels
from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_index_classes,
)


def labels_of_index(
    index_file: str | None, labels_file: str, metadata_file: str
) -> list[Label]:
    """Returns the labels, in order.

    Classes in the index file come before the packaged label files. Label files of one's
    own come before both.

    Args:
      index_file: path or URL, None if there is none.
      labels_file, metadata_file: as for ``load_labels``.

    Raises:
      UserError: a file is missing or malformed.
    """
    packaged = (str(SYNSETS_FILE), str(METADATA_FILE))
    if index_file and (labels_file, metadata_file) == packaged:
        try:
            classes = read_index_classes(index_file)
        except IndexFileError as error:
            raise UserError(str(error)) from error
        if classes:
            names, texts = zip(*classes, strict=True)
            return make_labels(names, texts)
    return load_labels(labels_file, metadata_file)
