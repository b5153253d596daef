"""Reads npz files of strangers: no pickle runs code, no size is believed unchecked.

An npz file is a zip archive of npy files. Lengths are compared before anything of that
length is allocated: the archive's list of members, what a member unpacks to, and what
its header asks for. Object arrays are pickles, see ``pickled_names``.

The worst file that is accepted has members of ``MAX_MEMBER_BYTES`` and takes about three
times as much at once: 1.6 GB. A list of members is at most ``_MAX_DIRECTORY_BYTES``, an
object array ``MAX_PICKLE_BYTES``.
"""

import io
import math
import os
import struct
import zipfile
from typing import BinaryIO

import numpy as np

from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.formats.pickled_names import read_pickled_names

# Far above any real member: 1.28 million paths of 70 characters, as text of 4 bytes
# each, are 360 MB.
MAX_MEMBER_BYTES = 1 << 29

# 1.28 million numpy.str_ are 180 MB.
MAX_PICKLE_BYTES = 1 << 28

# Linux has no longer paths.
MAX_NAME_BYTES = 4096

# numpy's own limit for a header that it parses, which may be nested.
_MAX_HEADER_BYTES = 10_000

_MAX_DIMENSIONS = 8

# An archive's list of members, of which an npz file has a handful. Each takes about 50
# bytes in the file and 600 in memory.
_MAX_DIRECTORY_BYTES = 1 << 20

# What deflate packs best, a run of one byte, is 1,032 times as long unpacked.
_MAX_DEFLATE_RATIO = 1032

_END = struct.Struct('<4s4H2LH')  # end of central directory: APPNOTE.TXT 4.3.16
_ZIP64_LOCATOR_BYTES = 20


def _check_directory(file: BinaryIO) -> None:
    """Checks the length of an archive's list of members, which zipfile reads whole.

    Raises:
      ValueError: it is too long, or kept in the form for archives beyond 4 GB.
    """
    size = file.seek(0, os.SEEK_END)
    begin = max(0, size - _END.size - 0xFFFF - _ZIP64_LOCATOR_BYTES)
    file.seek(begin)
    tail = file.read(size - begin)
    end = tail.rfind(b'PK\5\6', 0, len(tail) - _END.size + 4)
    if end < 0:
        return  # zipfile says that it is not an archive
    num_bytes = _END.unpack_from(tail, end)[5]
    locator = max(0, end - _ZIP64_LOCATOR_BYTES)
    if tail[locator : locator + 4] == b'PK\6\7':
        raise ValueError('it is a zip64 archive (expected a file below 4 GB)')
    if num_bytes > _MAX_DIRECTORY_BYTES:
        raise ValueError(
            f'its list of members has {num_bytes} bytes (expected at most '
            f'{_MAX_DIRECTORY_BYTES})'
        )


def open_npz(file: BinaryIO) -> zipfile.ZipFile:
    """Opens an npz file that may be anything.

    Args:
      file: open for reading, seekable.

    Raises:
      zipfile.BadZipFile: it is not an npz file.
      ValueError: its list of members is too long.
      OSError: it cannot be read.
    """
    _check_directory(file)
    try:
        return zipfile.ZipFile(file)
    except (OSError, zipfile.BadZipFile):
        raise
    except Exception as error:  # a damaged archive fails in many ways
        raise zipfile.BadZipFile('it is a damaged zip archive') from error


def member_keys(archive: zipfile.ZipFile) -> list[str]:
    """Returns the keys of the arrays in an npz file."""
    names = archive.namelist()
    return [name.removesuffix('.npy') for name in names if name.endswith('.npy')]


def _read_whole(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Reads a member, of which no length is true until it was compared."""
    size, packed = info.file_size, info.compress_size
    if size > MAX_MEMBER_BYTES:
        raise ValueError(
            f'it unpacks to {size} bytes (expected at most {MAX_MEMBER_BYTES})'
        )
    # The other methods may unpack to any length at once, and numpy uses neither.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(
            f'its compression method is {info.compress_type} (expected that of '
            'numpy.savez or numpy.savez_compressed)'
        )
    assert archive.fp is not None  # it is open
    in_file = archive.fp.seek(0, os.SEEK_END) - info.header_offset
    ratio = _MAX_DEFLATE_RATIO if info.compress_type else 1
    if not 0 <= packed <= in_file or size > packed * ratio:
        raise ValueError(
            f'{packed} bytes of a file that has {max(0, in_file)} for it cannot hold '
            f'its {size} bytes'
        )
    with archive.open(info) as member:
        data = member.read(size)
    if len(data) != size:
        raise ValueError(f'it is cut off after {len(data)} of {size} bytes')
    return data


def _read_header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Returns an array's shape, order and dtype, and where its content begins."""
    version = np.lib.format.read_magic(io.BytesIO(data[: np.lib.format.MAGIC_LEN]))
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f'its npy format is {version} (expected 1.0 or 2.0)')
    field = slice(8, 10) if version == (1, 0) else slice(8, 12)
    length = int.from_bytes(data[field], 'little')
    if length > _MAX_HEADER_BYTES:
        raise ValueError(
            f'its header has {length} bytes (expected at most {_MAX_HEADER_BYTES})'
        )
    end = field.stop + length
    read_header = np.lib.format.read_array_header_2_0
    if version == (1, 0):
        read_header = np.lib.format.read_array_header_1_0
    try:
        shape, is_fortran, dtype = read_header(io.BytesIO(data[8:end]))
    except Exception as error:  # it is parsed as Python, and may fail in any way
        raise ValueError('its npy header cannot be parsed') from error
    if len(shape) > _MAX_DIMENSIONS:
        raise ValueError(
            f'it has {len(shape)} dimensions (expected at most {_MAX_DIMENSIONS})'
        )
    if any(isinstance(n, bool) or n < 0 for n in shape):
        raise ValueError(f'its shape is {shape} (expected lengths)')
    return shape, is_fortran, dtype, end


def _as_bytes_array(names: list[bytes]) -> np.ndarray:
    """Makes an array of names of one width, which one long name may make wide."""
    width = max(map(len, names), default=0)
    if width > MAX_NAME_BYTES or width * len(names) > MAX_MEMBER_BYTES:
        raise ValueError(
            f'the longest of its {len(names)} names has {width} bytes (expected at most '
            f'{MAX_NAME_BYTES}, and {MAX_MEMBER_BYTES} in all)'
        )
    return np.array(names, f'S{max(width, 1)}')


def read_member(archive: zipfile.ZipFile, key: str) -> np.ndarray:
    """Reads one array of an npz file; of an object array, its names.

    Returns:
      The array, read-only; for an object array one of its names, dtype S.

    Raises:
      ValueError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, …: it is not
        an array, is larger than ``MAX_MEMBER_BYTES``, or holds objects that are not
        names. A stranger's file may fail in any way.
    """
    data = _read_whole(archive, archive.getinfo(f'{key}.npy'))
    shape, is_fortran, dtype, begin = _read_header(data)
    if dtype == np.dtype(object):
        if len(data) > MAX_PICKLE_BYTES:
            raise ValueError(
                f'its objects take {len(data)} bytes (expected at most '
                f"{MAX_PICKLE_BYTES}); save the names as an array of dtype 'S'"
            )
        if len(shape) != 1:
            raise ValueError(f'its shape is {shape} (expected one dimension)')
        return _as_bytes_array(read_pickled_names(data, begin, shape[0]))
    if dtype.hasobject or not dtype.itemsize:
        raise ValueError(f'its dtype is {str(dtype)[:80]} (expected names or numbers)')
    num_items = math.prod(shape)
    needed = num_items * dtype.itemsize
    if needed > len(data) - begin:
        raise ValueError(f'its header asks for {needed} bytes of {len(data) - begin}')
    array = np.frombuffer(data, dtype, num_items, begin)
    return array.reshape(shape, order='F' if is_fortran else 'C')


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
        with open_npz(file) as archive:
            if any(info.compress_type for info in archive.infolist()):
                raise ValueError('it is compressed')
            present = member_keys(archive)
            missing = [key for key in keys if key not in present]
            if missing:
                raise ValueError(f'it has no {missing[0]!r}')
            return {key: read_member(archive, key) for key in keys}
    except OSError:
        raise
    except Exception as error:  # a stranger's file may fail in any way
        raise ValueError(error_text(error)) from error
