"""Recognises what was given in place of a split's directory.

Looks at listings of directories and at the index, never at an image.
"""

import itertools
from collections.abc import Collection

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    SplitIndex,
    read_split_index,
)
from indexed_imagenet.transforms.inputs.names import is_system, looks_like_image

# Where the images of a split are, below a folder of ImageNet's or Kaggle's archive.
_NAMES = {'train': ('train', 'training'), 'validation': ('val', 'validation', 'valid')}
_ABOVE = ('', 'CLS-LOC', 'Data/CLS-LOC', 'ILSVRC/Data/CLS-LOC')

# How many images are looked up in the index, and in how many folders for them.
_MAX_IMAGES = 5
_MAX_FOLDERS = 3


def find_below(path: str, split: str, synsets: Collection[bytes]) -> str | None:
    """Returns the directory of a split below one that contains it; None if not found.

    Args:
      path: what was given.
      split: ``train`` or ``validation``.
      synsets: the names of class folders.
    """
    for above, name in itertools.product(_ABOVE, _NAMES[split]):
        below = path
        for part in filter(None, (*above.split('/'), name)):
            below = storage.join(below, part)
        try:
            listing = storage.list_folder(below)
        except OSError:
            continue
        if any(folder in synsets for folder in listing.folders) or any(
            map(looks_like_image, listing.files)
        ):
            return below
    return None


def _some_images(path: str, with_folder: bool) -> list[bytes]:
    """Returns a few images of a split, in the order of their names.

    Args:
      path: the split's directory.
      with_folder: whether names are ``class/file`` instead of basenames.
    """
    listing = storage.list_folder(path)
    folders = sorted(name for name in listing.folders if not is_system(name))
    files, prefix = listing.files, b''
    for folder in folders[:_MAX_FOLDERS]:
        if any(map(looks_like_image, files)):
            break
        files = storage.list_folder(storage.join(path, storage.os_name(folder))).files
        prefix = folder + b'/' if with_folder else b''
    chosen = sorted(filter(looks_like_image, files))[:_MAX_IMAGES]
    return [prefix + name for name in chosen]


def check_not_exchanged(
    directories: dict[str, str], split: str, index: SplitIndex, index_file: str
) -> None:
    """Checks that a split's directory does not hold the other split's images.

    Args:
      directories: of all splits that are built, by name.
      split: the one to check, ``train`` or ``validation``.
      index: of that split.
      index_file: where the index of the other one is, too.

    Raises:
      UserError: the first images there are all in the other split's index.
    """
    try:
        names = _some_images(directories[split], b'/' in bytes(index.names[0]))
    except OSError:
        return  # the job reports folders that cannot be listed
    # One comparison is 10 ms with the training set's names, and mostly the only one.
    if not names or any((index.names == name).any() for name in names):
        return
    other = 'validation' if split == 'train' else 'train'
    try:
        others = read_split_index(index_file, other).names
    except IndexFileError:
        return  # it need not have the other split
    if not all((others == name).any() for name in names):
        return
    remedy = f'give it as --{other}_directory'
    if other in directories:
        remedy = 'exchange --train_directory and --validation_directory'
    raise UserError(
        f'--{split}_directory {directories[split]} holds images of the other split: '
        f'{printable(names[0])!r} is in the index of {other}; {remedy}'
    )
