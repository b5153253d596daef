"""Finds the size of a PNG in its header, without decoding it.

Chunks are those of the PNG specification (ISO/IEC 15948), section 5: a
big-endian length, a type of four letters, the content and four bytes of crc. The
header chunk must be the first, but libpng also takes a file in which chunks that
it does not know come before it.
"""

import struct
from typing import NamedTuple

_START = b'\x89PNG\r\n\x1a\n'
_CHUNK = struct.Struct('>I4s')
_SIZE = struct.Struct('>II')
_OVERHEAD = 12


class PngSize(NamedTuple):
    """What the header says: pixels."""

    height: int
    width: int


def starts_as_png(data: bytes) -> bool:
    """Whether the data begins as every PNG does."""
    return data.startswith(_START)


def read_png_size(data: bytes) -> PngSize | None:
    """Reads the size from the first header chunk.

    Args:
      data: a file's content that starts as a PNG.

    Returns:
      The size, or None if there is no whole header: no decoder takes that.
    """
    position = len(_START)
    while position + _CHUNK.size + _SIZE.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, position)
        if kind == b'IHDR':
            width, height = _SIZE.unpack_from(data, position + _CHUNK.size)
            return PngSize(height, width)
        position += _OVERHEAD + length
    return None
