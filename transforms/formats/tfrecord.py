"""The framing of TFRecord files.

A frame is the payload's length (8 bytes, little-endian), the masked crc32c of those 8
bytes, the payload, and its masked crc32c, as described in TensorFlow's
``tensorflow/core/lib/io/record_writer.h``.

TensorFlow's reader stops at the first fault. This one reports where it is, and goes on
after a damaged payload: only a damaged length hides what follows.
"""

import dataclasses
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

import google_crc32c

from indexed_imagenet.transforms import storage

_HEAD = struct.Struct('<QI')
_LENGTH = struct.Struct('<Q')
_CRC = struct.Struct('<I')

# Where the payload begins in its frame, in bytes.
PAYLOAD_OFFSET = _HEAD.size

# What a frame adds to its payload, in bytes.
OVERHEAD = _HEAD.size + _CRC.size


def crc32c(data: bytes) -> int:
    """Returns the crc32c, not masked."""
    return int(google_crc32c.value(data))


def crc32c_of_parts(parts: Iterable[bytes]) -> int:
    """Returns the crc32c of the parts put together, not masked."""
    crc = 0
    for part in parts:
        crc = google_crc32c.extend(crc, part)
    return crc


def mask(crc: int) -> int:
    """Returns a crc32c rotated and shifted as TFRecord files have it."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """Returns the crc32c of data as TFRecord files have it."""
    return mask(crc32c(data))


def frame(parts: Sequence[bytes], crc: int) -> tuple[bytes, ...]:
    """Returns a frame in parts, those of the record among them, so that none is copied.

    Args:
      parts: the record.
      crc: its ``crc32c``.
    """
    length = _LENGTH.pack(sum(map(len, parts)))
    head = length + _CRC.pack(masked_crc32c(length))
    return head, *parts, _CRC.pack(mask(crc))


class Frame(NamedTuple):
    """One record as it is in the file. One is made per record, hence the tuple.

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


@dataclasses.dataclass(frozen=True, slots=True)
class CorruptFrame:
    """A place after which nothing can be read.

    Attributes:
      offset: of the frame, in bytes.
      fault: what is wrong, with the value seen and the value expected.
      unread: bytes from there to the end of the file.
    """

    offset: int
    fault: str
    unread: int


def _read_frame(file: BinaryIO, offset: int, size: int) -> Frame | CorruptFrame:
    left = size - offset
    if left < OVERHEAD:
        fault = f'{left} bytes follow (expected a frame of at least {OVERHEAD})'
        return CorruptFrame(offset, fault, left)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        fault = f'{len(head)} bytes could be read (expected {_HEAD.size})'
        return CorruptFrame(offset, fault, left)
    length, stated = _HEAD.unpack(head)
    found = masked_crc32c(head[: _LENGTH.size])
    if found != stated:
        fault = (
            f"the length's crc32c is {stated:#010x} (expected {found:#010x} for the "
            f'length {length})'
        )
        return CorruptFrame(offset, fault, left)
    if length > left - OVERHEAD:
        fault = (
            f'the length is {length} (expected at most {left - OVERHEAD}, the rest of '
            'the file)'
        )
        return CorruptFrame(offset, fault, left)
    rest = file.read(length + _CRC.size)
    if len(rest) < length + _CRC.size:
        fault = f'{len(rest)} bytes could be read (expected {length + _CRC.size})'
        return CorruptFrame(offset, fault, left)
    payload = rest[:length]
    return Frame(offset, payload, crc32c(payload), _CRC.unpack_from(rest, length)[0])


def read_frames(path: str) -> Iterator[Frame | CorruptFrame]:
    """Yields the frames of a file, and last, if it cannot be read to its end, why.

    A length is not believed before its crc32c and the size of the file agree with
    it, so no file takes more memory than its largest record.

    Args:
      path: local or in an object store.

    Raises:
      OSError: the file cannot be read.
    """
    file, size = storage.open_stream(path)
    with file:
        offset = 0
        while offset < size:
            found = _read_frame(file, offset, size)
            yield found
            if isinstance(found, CorruptFrame):
                return
            offset += OVERHEAD + len(found.payload)
