"""The framing of TFRecord files.

A frame is the payload's length (8 bytes, little-endian), the masked crc32c of
those 8 bytes, the payload, and its masked crc32c, as described in TensorFlow's
``tensorflow/core/lib/io/record_writer.h``.
"""

import struct
from collections.abc import Iterable, Sequence

import google_crc32c

_LENGTH = struct.Struct('<Q')
_CRC = struct.Struct('<I')

# What a frame adds to its payload, in bytes.
OVERHEAD = 16


def crc32c(data: bytes) -> int:
    """crc32c, not masked."""
    return google_crc32c.value(data)


def crc32c_of_parts(parts: Iterable[bytes]) -> int:
    """crc32c of parts put together, not masked."""
    crc = 0
    for part in parts:
        crc = google_crc32c.extend(crc, part)
    return crc


def mask(crc: int) -> int:
    """A crc32c, rotated and shifted as TFRecord files have it."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """The crc32c of data as TFRecord files have it."""
    return mask(crc32c(data))


def frame(parts: Sequence[bytes], crc: int) -> tuple[bytes, ...]:
    """A frame in parts, those of the record among them, so that none is copied.

    Args:
      parts: the record.
      crc: its ``crc32c``.
    """
    length = _LENGTH.pack(sum(map(len, parts)))
    head = length + _CRC.pack(masked_crc32c(length))
    return head, *parts, _CRC.pack(mask(crc))
