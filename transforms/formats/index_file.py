"""Reads the published index file: which name has which index and label.

``imagenet_index.npz`` (Feldman and Zhang, 2020) holds ``tr_filenames``,
``tr_labels`` and ``tr_mem`` for the training set, ``tt_filenames`` and
``tt_labels`` for the validation set. An example's index is its position in
these arrays. Names come as fixed-width bytes, fixed-width text or an object
array, of files or of their paths.
"""

import dataclasses
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeVar

import numpy as np

from indexed_imagenet.text import counted, error_text, first_of, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.layout import SPLITS as SPLITS
from indexed_imagenet.transforms.formats.safe_npz import (
    MAX_NAME_BYTES,
    member_keys,
    open_npz,
    read_member,
)
from indexed_imagenet.transforms.storage.transient import retry_local

# The arrays of names and labels of each split.
SPLIT_KEYS = {
    'train': ('tr_filenames', 'tr_labels'),
    'validation': ('tt_filenames', 'tt_labels'),
}

# What ``indexed-imagenet index`` adds: the classes by label, how names are written
# (``BASENAMES`` or ``PATHS``), and how they are ordered.
CLASS_NAMES_KEY = 'class_names'
CLASS_TEXTS_KEY = 'class_texts'
NAME_FORM_KEY = 'name_form'
ORDER_KEY = 'order'
BASENAMES = 'basenames'
PATHS = 'paths'

# Values that may come with a split, as long as its names: memorization.
_SCORE_KEYS = {'train': ('tr_mem',), 'validation': ()}

# Far above any real index: ImageNet-21k has 14.2 million images.
MAX_NAMES = 1 << 24

# Characters of a reason that are shown: zipfile quotes as much of a file as is damaged.
_MAX_REASON = 300

# Names that are converted at a time.
_PIECE = 1 << 16

_T = TypeVar('_T')

_REMEDY = 'give the published imagenet_index.npz with --imagenet_index_file'


class IndexFileError(ValueError):
    """The index file cannot be used; the message is one line for the user."""


@dataclasses.dataclass(frozen=True, slots=True)
class SplitIndex:
    """One split of the index file, in the file's own order.

    Attributes:
      names: basenames, shape [N], dtype S (bytes of one fixed width). Folders that
        the file has with them are left out, unless it says that its names are paths
        ``class/file``.
      labels: positions in the sorted list of synsets, shape [N], int16.
    """

    names: np.ndarray
    labels: np.ndarray


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    return (array[at : at + _PIECE] for at in range(0, len(array), _PIECE))


def _encode(texts: np.ndarray) -> np.ndarray:
    """Encodes text in pieces: each piece is a list of Python objects for a moment."""
    encoded = [np.char.encode(piece, 'utf-8') for piece in _pieces(texts)]
    return np.concatenate(encoded) if encoded else np.empty(0, 'S1')


def _as_names(array: np.ndarray) -> np.ndarray:
    """Converts names of any published form to one fixed-width bytes array."""
    if array.ndim != 1:
        raise ValueError(f'its shape is {array.shape} (expected one dimension)')
    if array.dtype.kind not in 'SU':
        raise ValueError(f'its dtype is {str(array.dtype)[:80]} (expected file names)')
    width = array.dtype.itemsize // (1 if array.dtype.kind == 'S' else 4)
    if len(array) > MAX_NAMES or width > MAX_NAME_BYTES:
        raise ValueError(
            f'it has {len(array)} names of {width} characters (expected at most '
            f'{MAX_NAMES} of {MAX_NAME_BYTES})'
        )
    return array if array.dtype.kind == 'S' else _encode(array)


def _without_folders(names: np.ndarray) -> np.ndarray:
    """Returns the last part of each name, the same array if none has a folder.

    People save the paths of their files, as in torchvision's ``ImageFolder.samples``.
    A backslash separates folders only where no slash does: it may be in a name.
    """
    content = names.view(np.uint8)
    for separator in (b'/', b'\\'):
        if (content == separator[0]).any():
            last = [
                np.array([name.rpartition(separator)[2] for name in piece], 'S')
                for piece in map(np.ndarray.tolist, _pieces(names))
            ]
            return np.concatenate(last)
    return names


def _as_name_form(array: np.ndarray) -> str:
    forms = [bytes(form).decode('utf-8', 'replace') for form in _as_names(array)]
    if forms not in ([BASENAMES], [PATHS]):
        raise ValueError(
            f'it is {first_of(list(map(printable, forms))) or "empty"} (expected '
            f'{BASENAMES} or {PATHS}); a newer version may have written it'
        )
    return forms[0]


def _check_paths(names: np.ndarray, key: str) -> None:
    """Checks that every name is ``class/file``.

    Raises:
      IndexFileError: one is not, such as ``/etc/passwd`` or ``../x``.
    """
    for piece in map(np.ndarray.tolist, _pieces(names)):
        for name in piece:
            folder, _, base = name.partition(b'/')
            if b'/' in base or {folder, base} & {b'', b'.', b'..'}:
                raise IndexFileError(
                    f'has the name {printable(name)!r} in {key!r} (expected class/file, '
                    f'as {NAME_FORM_KEY!r} is {PATHS!r})'
                )


def _as_labels(array: np.ndarray) -> np.ndarray:
    """Checks that labels are small integers and makes them int16."""
    if array.ndim != 1 or array.dtype.kind not in 'iu':
        raise ValueError(
            f'it has dtype {str(array.dtype)[:80]} and shape {array.shape} (expected '
            'integers in one dimension)'
        )
    limit = np.iinfo(np.int16).max
    if array.size and (array.min() < 0 or array.max() > limit):
        raise ValueError(f'a label is outside 0 to {limit}')
    return array.astype(np.int16)


def _as_scores(array: np.ndarray) -> np.ndarray:
    if array.ndim != 1 or array.dtype.kind != 'f':
        raise ValueError(
            f'it has dtype {str(array.dtype)[:80]} and shape {array.shape} (expected '
            'floating-point numbers in one dimension)'
        )
    return array


def _read(archive: zipfile.ZipFile, key: str, convert: Callable[[Any], _T]) -> _T:
    try:
        return convert(read_member(archive, key))
    except OSError:
        raise
    except Exception as error:  # a stranger's file may fail in any way
        reason = error_text(error)
        if len(reason) > _MAX_REASON:
            reason = f'{reason[:_MAX_REASON]}…'
        raise IndexFileError(f'cannot be used: {key!r}: {reason}') from error


def _read_index(file: BinaryIO, split: str) -> SplitIndex:
    names_key, labels_key = SPLIT_KEYS[split]
    with open_npz(file) as archive:
        present = member_keys(archive)
        for key in SPLIT_KEYS[split]:
            if key not in present:
                raise IndexFileError(
                    f'has no {key!r}, which the {split} split needs; it holds '
                    f'{first_of(sorted(map(printable, present))) or "nothing"}'
                )
        names = _read(archive, names_key, _as_names)
        labels = _read(archive, labels_key, _as_labels)
        name_form = BASENAMES
        if NAME_FORM_KEY in present:
            name_form = _read(archive, NAME_FORM_KEY, _as_name_form)
    if name_form == PATHS:
        _check_paths(names, names_key)
        index = SplitIndex(names, labels)
    else:
        index = SplitIndex(_without_folders(names), labels)
    _check(index, names, split)
    return index


def _check(index: SplitIndex, saved_names: np.ndarray, split: str) -> None:
    names_key, labels_key = SPLIT_KEYS[split]
    if len(index.names) != len(index.labels):
        raise IndexFileError(
            f'has {len(index.names)} {names_key} but {len(index.labels)} {labels_key} '
            '(expected equal lengths)'
        )
    if not len(index.names):
        raise IndexFileError(f'names no image: {names_key!r} is empty')
    empty = np.flatnonzero(index.names == b'')
    if len(empty):
        raise IndexFileError(
            f'has {counted(len(empty), "empty name")} in {names_key!r}, first '
            f'{printable(saved_names[empty[0]])!r} at {empty[0]} (expected file names)'
        )
    in_order = np.sort(index.names)
    duplicates = in_order[1:][in_order[1:] == in_order[:-1]]
    if len(duplicates):
        same = saved_names[np.flatnonzero(index.names == duplicates[0])[:2]]
        if same[0] != same[1]:
            one, other = (repr(printable(name)) for name in same)
            raise IndexFileError(
                f'has {counted(len(duplicates), "name")} in {names_key!r} with the same '
                f'last part, first {one} and {other} (expected file names that are '
                'unique without folders)'
            )
        raise IndexFileError(
            f'has {counted(len(duplicates), "duplicate name")} in {names_key!r}, first '
            f'{printable(duplicates[0])!r} (expected each name once)'
        )


def _read_scores(file: BinaryIO, split: str) -> dict[str, np.ndarray]:
    with open_npz(file) as archive:
        present = member_keys(archive)
        keys = [key for key in _SCORE_KEYS[split] if key in present]
        if not keys:
            return {}
        scores = {key: _read(archive, key, _as_scores) for key in keys}
        [names_key, _] = SPLIT_KEYS[split]
        num_names = len(_read(archive, names_key, np.asarray))
    for key, array in scores.items():
        if len(array) != num_names:
            raise IndexFileError(
                f'has {len(array)} {key} but {num_names} {names_key} (expected equal '
                'lengths)'
            )
    return scores


def _read_file(path: str, split: str, read: Callable[[BinaryIO, str], Any]) -> Any:
    def open_and_read() -> Any:
        with storage.open_seekable(path) as file:
            return read(file, split)

    try:
        return retry_local(open_and_read)
    except IndexFileError as error:
        raise IndexFileError(f'index file {path} {error}; {_REMEDY}') from error
    except zipfile.BadZipFile as error:
        raise IndexFileError(
            f'index file {path} is not an npz file; {_REMEDY}'
        ) from error
    except FileNotFoundError as error:
        raise IndexFileError(f'index file {path} does not exist; {_REMEDY}') from error
    except (OSError, ValueError) as error:
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


def _read_classes(file: BinaryIO, _: str) -> list[tuple[str, str]] | None:
    with open_npz(file) as archive:
        if CLASS_NAMES_KEY not in member_keys(archive):
            return None
        names = _read(archive, CLASS_NAMES_KEY, _as_texts)
        texts = names
        if CLASS_TEXTS_KEY in member_keys(archive):
            texts = _read(archive, CLASS_TEXTS_KEY, _as_texts)
    if len(names) != len(texts):
        raise IndexFileError(
            f'has {len(names)} {CLASS_NAMES_KEY} but {len(texts)} {CLASS_TEXTS_KEY} '
            '(expected equal lengths)'
        )
    if not names:
        raise IndexFileError(f'names no class: {CLASS_NAMES_KEY!r} is empty')
    if len(set(names)) < len(names):
        raise IndexFileError(f'has a duplicate name in {CLASS_NAMES_KEY!r}')
    return list(zip(names, texts, strict=True))


def _as_texts(array: np.ndarray) -> list[str]:
    """Returns the names or texts of classes.

    Raises:
      ValueError: one is not printable UTF-8 text: records and label files have it on a
        line.
    """
    texts = [bytes(text).decode() for text in _as_names(array)]
    for text in texts:
        if not text or not text.isprintable():
            raise ValueError(f'{printable(text)!r} is not printable text')
    return texts


def read_index_classes(path: str) -> list[tuple[str, str]] | None:
    """Reads the name and text of each label, if the index file has them.

    The published file has none: its labels are those of the packaged label files.

    Raises:
      IndexFileError: the file cannot be read, or they are malformed.
    """
    classes: list[tuple[str, str]] | None = _read_file(path, '', _read_classes)
    return classes


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
