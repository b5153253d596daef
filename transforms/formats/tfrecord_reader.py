"""Reads the frames of a TFRecord file one by one, and says what is wrong with them.

TensorFlow's reader stops at the first fault. This one tells where it is, and
goes on after a payload that is damaged: only a damaged length hides what follows.
The framing is described in ``tfrecord.py``.
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from indexed_imagenet.transforms.formats.tfrecord import (
    OVERHEAD,
    crc32c,
    mask,
    masked_crc32c,
)
from indexed_imagenet.transforms.storage import files

_HEAD = struct.Struct('<QI')
_CRC = struct.Struct('<I')

# What is read from a local file at once, unless a payload is larger.
_BUFFER = 1 << 20


class Frame(NamedTuple):
    """One record as it stands in the file.

    Attributes:
      offset: of the frame, in bytes.
      payload: the record.
      crc: crc32c of the payload, not masked.
      stated: the masked crc32c that the file states.
    """

    offset: int
    payload: bytes
    crc: int
    stated: int

    @property
    def crc_ok(self) -> bool:
        """Whether the payload is what was written."""
        return mask(self.crc) == self.stated


class CorruptFrame(NamedTuple):
    """A place that nothing can be read after.

    Attributes:
      offset: of the frame, in bytes.
      fault: what is wrong, with the value seen and the value expected.
      unread: bytes from there to the end of the file.
    """

    offset: int
    fault: str
    unread: int


def _open(path: str) -> tuple[BinaryIO, int]:
    """Opens a file; its size is known before anything of it is believed."""
    if files.is_local(path):
        file = open(path, 'rb', buffering=_BUFFER)  # noqa: SIM115
        return file, os.fstat(file.fileno()).st_size
    size = files.size(path)
    if size is None:
        raise FileNotFoundError(f'{path} is not there')
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED), size


def _read_frame(file: BinaryIO, offset: int, size: int) -> Frame | CorruptFrame:
    left = size - offset
    if left < OVERHEAD:
        fault = f'{left} bytes follow, expected a frame of at least {OVERHEAD}'
        return CorruptFrame(offset, fault, left)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return CorruptFrame(
            offset, f'{len(head)} bytes were read, expected {_HEAD.size}', left
        )
    length, stated = _HEAD.unpack(head)
    found = masked_crc32c(head[:8])
    if found != stated:
        fault = (
            f"the length's crc32c is {stated:#010x}, expected {found:#010x} as of the "
            f'length {length}'
        )
        return CorruptFrame(offset, fault, left)
    if length > left - OVERHEAD:
        fault = (
            f'the length is {length}, expected at most {left - OVERHEAD} in what is '
            'left of the file'
        )
        return CorruptFrame(offset, fault, left)
    rest = file.read(length + _CRC.size)
    if len(rest) < length + _CRC.size:
        fault = f'{len(rest)} bytes were read, expected {length + _CRC.size}'
        return CorruptFrame(offset, fault, left)
    payload = rest[:length]
    return Frame(offset, payload, crc32c(payload), _CRC.unpack_from(rest, length)[0])


def read_frames(path: str) -> Iterator[Frame | CorruptFrame]:
    """Yields the frames of a file, and last, if it cannot be read to its end, why.

    A length is not believed before its crc32c and the size of the file agree with
    it, so no file takes more memory than its largest record.

    Args:
      path: local or on an object store.

    Raises:
      OSError: the file cannot be read.
    """
    file, size = _open(path)
    with file:
        offset = 0
        while offset < size:
            found = _read_frame(file, offset, size)
            yield found
            if isinstance(found, CorruptFrame):
                return
            offset += OVERHEAD + len(found.payload)
