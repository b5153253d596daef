"""Reads the published index file: which name has which index and label.

``imagenet_index.npz`` (Feldman and Zhang, 2020) holds ``tr_filenames``,
``tr_labels`` and ``tr_mem`` for the training set, ``tt_filenames`` and
``tt_labels`` for the validation set. An example's index is its position in
these arrays. Names come as fixed-width bytes, fixed-width text or an object
array; object arrays are pickles, and unpickling a stranger's file would run a
stranger's code, so those go through an unpickler that takes a list of names
out of them and nothing else.
"""

import math
import pickle
import zipfile
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms.storage import files

_KEYS = {
    'train': ('tr_filenames', 'tr_labels'),
    'validation': ('tt_filenames', 'tt_labels'),
}

SPLITS = tuple(_KEYS)

# Far above any real member: 1.28 million names of 28 bytes are 36 MB.
_MAX_MEMBER_BYTES = 1 << 30


class IndexFileError(ValueError):
    """The index file cannot be used; the message is one line for the user."""


class SplitIndex(NamedTuple):
    """One split of the index file, in the file's own order.

    Attributes:
      names: basenames, shape [N], dtype S (bytes of one fixed width).
      labels: positions in the sorted list of synsets, shape [N], int16.
    """

    names: np.ndarray
    labels: np.ndarray


class _Inert:
    """Takes the place of numpy's types while a pickle is read; keeps its state."""

    state: Any = None

    def __init__(self, *args: Any):
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _scalar(dtype: Any, content: Any) -> bytes:
    """A numpy.bytes_, as numpy writes one: its dtype, then its bytes."""
    kind = dtype.args[0] if isinstance(dtype, _Inert) and dtype.args else None
    if not (isinstance(kind, str) and kind.startswith('S')):
        raise pickle.UnpicklingError(f'it holds a numpy scalar of dtype {kind!r}')
    if not isinstance(content, bytes):
        raise pickle.UnpicklingError('it holds a numpy scalar that is not bytes')
    return content.rstrip(b'\0')


def _encode_latin1(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != 'latin1':
        raise pickle.UnpicklingError(f'it calls _codecs.encode with {encoding!r}')
    return text.encode('latin1')


_ADMITTED = {
    ('numpy.core.multiarray', '_reconstruct'): _Inert,
    ('numpy.core.multiarray', 'scalar'): _scalar,
    ('numpy._core.multiarray', '_reconstruct'): _Inert,
    ('numpy._core.multiarray', 'scalar'): _scalar,
    ('numpy', 'ndarray'): _Inert,
    ('numpy', 'dtype'): _Inert,
    ('_codecs', 'encode'): _encode_latin1,
}


class _NamesUnpickler(pickle.Unpickler):
    """Admits what numpy writes for an array of names, and builds no array.

    Not even numpy's own types are safe to make from a stranger's state: an
    array's raw bytes may be taken for pointers. So they are stood in for, and
    the list of names is taken out of what they were given.
    """

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f'it asks for {module}.{name}, which no array of names needs'
            ) from None

    def load_names(self) -> list[bytes | str]:
        """The names of the one array that the pickle holds."""
        array = self.load()
        # An array's state: version, shape, dtype, order, and the list of objects.
        state = array.state if isinstance(array, _Inert) else None
        names = state[4] if isinstance(state, tuple) and len(state) == 5 else None
        if not isinstance(names, list):
            raise pickle.UnpicklingError('it holds no array of objects')
        if state[1] != (len(names),):
            raise pickle.UnpicklingError(
                f'its shape is {state[1]}, expected one dimension of {len(names)} names'
            )
        if not all(isinstance(name, (bytes, str)) for name in names):
            raise pickle.UnpicklingError('an object in it is neither bytes nor str')
        return names


def _read_array(archive: zipfile.ZipFile, key: str) -> np.ndarray | list[bytes | str]:
    """Reads one member: an array, or of an object array the list of its names."""
    info = archive.getinfo(f'{key}.npy')
    if info.file_size > _MAX_MEMBER_BYTES:
        raise ValueError(
            f'it unpacks to {info.file_size} bytes, expected at most {_MAX_MEMBER_BYTES}'
        )
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(member)
        elif version == (2, 0):
            header = np.lib.format.read_array_header_2_0(member)
        else:
            raise ValueError(f'its npy format is {version}, expected 1.0 or 2.0')
        shape, _, dtype = header
        if dtype.hasobject:
            return _NamesUnpickler(member).load_names()
    needed = math.prod(shape) * dtype.itemsize
    if needed > info.file_size:
        raise ValueError(f'its header asks for {needed} bytes of {info.file_size}')
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _as_names(array: np.ndarray | list[bytes | str]) -> np.ndarray:
    """Brings names of any published form to one fixed-width bytes array."""
    if isinstance(array, list):
        encoded = [name.encode() if isinstance(name, str) else name for name in array]
        return np.array(encoded, dtype='S') if encoded else np.empty(0, 'S1')
    if array.ndim != 1:
        raise ValueError(f'it has shape {array.shape}, expected one dimension')
    if array.dtype.kind == 'S':
        return array
    if array.dtype.kind == 'U':
        return np.char.encode(array, 'utf-8')
    raise ValueError(f'its dtype is {array.dtype}, expected file names')


def _as_labels(array: np.ndarray | list) -> np.ndarray:
    """Checks that labels are small whole numbers and makes them int16."""
    if isinstance(array, list):
        raise ValueError('it holds names, expected whole numbers')
    if array.ndim != 1 or array.dtype.kind not in 'iu':
        raise ValueError(
            f'it has dtype {array.dtype} and shape {array.shape}, expected one '
            'dimension of whole numbers'
        )
    limit = np.iinfo(np.int16).max
    if array.size and (array.min() < 0 or array.max() > limit):
        raise ValueError(f'a label is outside 0 to {limit}')
    return array.astype(np.int16)


def _read_from(file: BinaryIO, split: str) -> SplitIndex:
    with zipfile.ZipFile(file) as archive:
        members = [name for name in archive.namelist() if name.endswith('.npy')]
        present = {name.removesuffix('.npy') for name in members}
        arrays = []
        for key, convert in zip(_KEYS[split], (_as_names, _as_labels), strict=True):
            if key not in present:
                raise IndexFileError(
                    f'has no {key!r}, which the {split} split needs; it holds '
                    f'{", ".join(sorted(present)) or "nothing"}'
                )
            try:
                arrays.append(convert(_read_array(archive, key)))
            except Exception as error:  # a stranger's file may fail in any way
                reason = ' '.join(str(error).split()) or type(error).__name__
                raise IndexFileError(f'cannot be used: {key!r}: {reason}') from error
    return SplitIndex(*arrays)


def _check(index: SplitIndex, split: str) -> None:
    names_key, labels_key = _KEYS[split]
    if len(index.names) != len(index.labels):
        raise IndexFileError(
            f'has {len(index.names)} {names_key} but {len(index.labels)} {labels_key}; '
            'they must be equally many'
        )
    if not len(index.names):
        raise IndexFileError(f'names no image: {names_key!r} is empty')
    in_order = np.sort(index.names)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    if len(twice):
        raise IndexFileError(
            f'names {len(twice)} image(s) twice in {names_key!r}, first '
            f'{printable(twice[0])!r}; every name must stand there once'
        )


def read_split_index(path: str, split: str) -> SplitIndex:
    """Reads one split of the index file.

    Args:
      path: the npz file, local or on an object store.
      split: ``train`` or ``validation``.

    Raises:
      IndexFileError: the file is missing, is not an npz, lacks a key of the
        split, or holds something else than names and labels there.
    """
    remedy = 'give the published imagenet_index.npz with --imagenet_index_file'
    try:
        with files.open_seekable(path) as file:
            index = _read_from(file, split)
        _check(index, split)
    except IndexFileError as error:
        raise IndexFileError(f'index file {path} {error}; {remedy}') from error
    except zipfile.BadZipFile as error:
        raise IndexFileError(f'index file {path} is not an npz file; {remedy}') from error
    except FileNotFoundError as error:
        raise IndexFileError(f'index file {path} does not exist; {remedy}') from error
    except OSError as error:
        reason = error_text(error)
        raise IndexFileError(
            f'index file {path} cannot be read: {reason}; {remedy}'
        ) from error
    return index
