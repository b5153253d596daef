"""The framing of TFRecord files.

A frame is the payload's length (8 bytes, little-endian), the masked crc32c of
those 8 bytes, the payload, and its masked crc32c, as described in TensorFlow's
``tensorflow/core/lib/io/record_writer.h``.
"""

import struct

import google_crc32c

_LENGTH = struct.Struct('<Q')
_CRC = struct.Struct('<I')

# What a frame adds to its payload, in bytes.
OVERHEAD = 16


def crc32c(data: bytes) -> int:
    """crc32c, not masked."""
    return google_crc32c.value(data)


def mask(crc: int) -> int:
    """A crc32c, rotated and shifted as TFRecord files have it."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """The crc32c of data as TFRecord files have it."""
    return mask(crc32c(data))


def frame(payload: bytes, crc: int) -> tuple[bytes, bytes, bytes]:
    """The three parts of a frame: head, the payload itself, and tail.

    They are apart so that the payload need not be copied to be written.

    Args:
      payload: the record.
      crc: its ``crc32c``.
    """
    length = _LENGTH.pack(len(payload))
    head = length + _CRC.pack(masked_crc32c(length))
    return head, payload, _CRC.pack(mask(crc))
