"""Reads npz files of strangers: no pickle runs code, no size is believed unchecked.

Object arrays are pickles, and unpickling a stranger's file would run a stranger's
code. Here they go through an unpickler that takes a list of names out of them and
nothing else.
"""

import math
import pickle
import zipfile
from typing import Any, BinaryIO

import numpy as np

# Far above any real member: 1.28 million names of 28 bytes are 36 MB.
MAX_MEMBER_BYTES = 1 << 30

Names = list[bytes | str]


class _Inert:
    """Takes the place of numpy's types while a pickle is read; keeps its state."""

    state: Any = None

    def __init__(self, *args: Any):
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _scalar(dtype: Any, content: Any) -> bytes:
    """Returns a numpy.bytes_ as numpy writes one: its dtype, then its bytes."""
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

    Not even numpy's own types are safe to make from a stranger's state: an array's
    raw bytes may be taken for pointers. So stand-ins are made, and the list of names
    is taken out of what they were given.
    """

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f'it asks for {module}.{name}, which no array of names needs'
            ) from None

    def load_names(self) -> Names:
        """Returns the names of the one array that the pickle holds."""
        array = self.load()
        # An array's state: version, shape, dtype, order, and the list of objects.
        state = array.state if isinstance(array, _Inert) else None
        names = state[4] if isinstance(state, tuple) and len(state) == 5 else None
        if not isinstance(state, tuple) or not isinstance(names, list):
            raise pickle.UnpicklingError('it holds no array of objects')
        if state[1] != (len(names),):
            raise pickle.UnpicklingError(
                f'its shape is {state[1]} (expected one dimension of {len(names)} names)'
            )
        if not all(isinstance(name, (bytes, str)) for name in names):
            raise pickle.UnpicklingError('an object in it is neither bytes nor str')
        return names


def _read_header(member: Any) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(member)
    else:
        raise ValueError(f'its npy format is {version} (expected 1.0 or 2.0)')
    return shape, dtype


def member_keys(archive: zipfile.ZipFile) -> list[str]:
    """Returns the keys of the arrays in an npz file."""
    names = archive.namelist()
    return [name.removesuffix('.npy') for name in names if name.endswith('.npy')]


def read_member(archive: zipfile.ZipFile, key: str) -> np.ndarray | Names:
    """Reads one array of an npz file; of an object array, the list of its names.

    Raises:
      ValueError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, …: it is not
        an array, is larger than ``MAX_MEMBER_BYTES``, or holds objects that are not
        names. A stranger's file may fail in any way.
    """
    info = archive.getinfo(f'{key}.npy')
    if info.file_size > MAX_MEMBER_BYTES:
        raise ValueError(
            f'it unpacks to {info.file_size} bytes (expected at most {MAX_MEMBER_BYTES})'
        )
    with archive.open(info) as member:
        shape, dtype = _read_header(member)
        if dtype.hasobject:
            return _NamesUnpickler(member).load_names()
    needed = math.prod(shape) * dtype.itemsize
    if needed > info.file_size:
        raise ValueError(f'its header asks for {needed} bytes of {info.file_size}')
    with archive.open(info) as member:
        array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
        return array


def read_stored_arrays(file: BinaryIO, keys: list[str]) -> dict[str, np.ndarray]:
    """Reads arrays of an npz file that was written without compression.

    Stored as they are, they take no more memory than the file has bytes.

    Args:
      file: open for reading, seekable.
      keys: of the arrays to read.

    Raises:
      ValueError: the file is not an npz file, is compressed, lacks a key, or holds
        objects.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            if any(info.compress_type for info in arrays.zip.infolist()):
                raise ValueError('it is compressed')
            missing = [key for key in keys if key not in arrays.files]
            if missing:
                raise ValueError(f'it has no {missing[0]!r}')
            return {key: arrays[key] for key in keys}
    except OSError:
        raise
    except Exception as error:  # a stranger's file may fail in any way
        raise ValueError(str(error) or type(error).__name__) from error
