"""Reads the published index file: which name has which index and label.

``imagenet_index.npz`` (Feldman and Zhang, 2020) holds ``tr_filenames``,
``tr_labels`` and ``tr_mem`` for the training set, ``tt_filenames`` and
``tt_labels`` for the validation set. An example's index is its position in
these arrays. Names come as fixed-width bytes, fixed-width text or an object
array.
"""

import dataclasses
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.layout import SPLITS as SPLITS
from indexed_imagenet.transforms.formats.safe_npz import Names, member_keys, read_member

_KEYS = {
    'train': ('tr_filenames', 'tr_labels'),
    'validation': ('tt_filenames', 'tt_labels'),
}

# Values that may come with a split, as long as its names: memorization.
_SCORE_KEYS = {'train': ('tr_mem',), 'validation': ()}

_REMEDY = 'give the published imagenet_index.npz with --imagenet_index_file'


class IndexFileError(ValueError):
    """The index file cannot be used; the message is one line for the user."""


@dataclasses.dataclass(frozen=True, slots=True)
class SplitIndex:
    """One split of the index file, in the file's own order.

    Attributes:
      names: basenames, shape [N], dtype S (bytes of one fixed width).
      labels: positions in the sorted list of synsets, shape [N], int16.
    """

    names: np.ndarray
    labels: np.ndarray


def _as_names(array: np.ndarray | Names) -> np.ndarray:
    """Converts names of any published form to one fixed-width bytes array."""
    if isinstance(array, list):
        encoded = [name.encode() if isinstance(name, str) else name for name in array]
        return np.array(encoded, dtype='S') if encoded else np.empty(0, 'S1')
    if array.ndim != 1:
        raise ValueError(f'its shape is {array.shape} (expected one dimension)')
    if array.dtype.kind == 'S':
        return array
    if array.dtype.kind == 'U':
        return np.char.encode(array, 'utf-8')
    raise ValueError(f'its dtype is {array.dtype} (expected file names)')


def _as_labels(array: np.ndarray | Names) -> np.ndarray:
    """Checks that labels are small integers and makes them int16."""
    if isinstance(array, list):
        raise ValueError('it holds names (expected integers)')
    if array.ndim != 1 or array.dtype.kind not in 'iu':
        raise ValueError(
            f'it has dtype {array.dtype} and shape {array.shape} (expected integers '
            'in one dimension)'
        )
    limit = np.iinfo(np.int16).max
    if array.size and (array.min() < 0 or array.max() > limit):
        raise ValueError(f'a label is outside 0 to {limit}')
    return array.astype(np.int16)


def _as_scores(array: np.ndarray | Names) -> np.ndarray:
    if isinstance(array, list) or array.ndim != 1 or array.dtype.kind != 'f':
        raise ValueError('it does not hold floating-point numbers in one dimension')
    return array


def _read(
    archive: zipfile.ZipFile, key: str, convert: Callable[[Any], np.ndarray]
) -> np.ndarray:
    try:
        return convert(read_member(archive, key))
    except Exception as error:  # a stranger's file may fail in any way
        raise IndexFileError(f'cannot be used: {key!r}: {error_text(error)}') from error


def _read_index(file: BinaryIO, split: str) -> SplitIndex:
    names_key, labels_key = _KEYS[split]
    with zipfile.ZipFile(file) as archive:
        present = member_keys(archive)
        for key in _KEYS[split]:
            if key not in present:
                raise IndexFileError(
                    f'has no {key!r}, which the {split} split needs; it holds '
                    f'{", ".join(sorted(present)) or "nothing"}'
                )
        index = SplitIndex(
            _read(archive, names_key, _as_names), _read(archive, labels_key, _as_labels)
        )
    _check(index, split)
    return index


def _check(index: SplitIndex, split: str) -> None:
    names_key, labels_key = _KEYS[split]
    if len(index.names) != len(index.labels):
        raise IndexFileError(
            f'has {len(index.names)} {names_key} but {len(index.labels)} {labels_key} '
            '(expected equal lengths)'
        )
    if not len(index.names):
        raise IndexFileError(f'names no image: {names_key!r} is empty')
    in_order = np.sort(index.names)
    duplicates = in_order[1:][in_order[1:] == in_order[:-1]]
    if len(duplicates):
        raise IndexFileError(
            f'has {len(duplicates)} duplicate name(s) in {names_key!r}, first '
            f'{printable(duplicates[0])!r} (expected each name once)'
        )


def _read_scores(file: BinaryIO, split: str) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        present = member_keys(archive)
        keys = [key for key in _SCORE_KEYS[split] if key in present]
        return {key: _read(archive, key, _as_scores) for key in keys}


def _read_file(path: str, split: str, read: Callable[[BinaryIO, str], Any]) -> Any:
    try:
        with storage.open_seekable(path) as file:
            return read(file, split)
    except IndexFileError as error:
        raise IndexFileError(f'index file {path} {error}; {_REMEDY}') from error
    except zipfile.BadZipFile as error:
        raise IndexFileError(
            f'index file {path} is not an npz file; {_REMEDY}'
        ) from error
    except FileNotFoundError as error:
        raise IndexFileError(f'index file {path} does not exist; {_REMEDY}') from error
    except OSError as error:
        raise IndexFileError(
            f'index file {path} cannot be read: {error_text(error)}; {_REMEDY}'
        ) from error


def read_split_index(path: str, split: str) -> SplitIndex:
    """Reads one split of the index file.

    Args:
      path: the npz file, local or in an object store.
      split: ``train`` or ``validation``.

    Raises:
      IndexFileError: the file is missing, is not an npz, lacks a key of the
        split, or holds something else than names and labels there.
    """
    index: SplitIndex = _read_file(path, split, _read_index)
    return index


def read_split_scores(path: str, split: str) -> dict[str, np.ndarray]:
    """Reads the values that the index file has beside a split's names, by key.

    Args:
      path: the npz file, local or in an object store.
      split: ``train`` or ``validation``.

    Returns:
      Arrays of floats, shape [N] each; none if the file has none.

    Raises:
      IndexFileError: the file cannot be read, or an array is not of floats.
    """
    scores: dict[str, np.ndarray] = _read_file(path, split, _read_scores)
    return scores
