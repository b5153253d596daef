"""Reads the size of a PNG from its header, without decoding it.

Chunks are those of the PNG specification (ISO/IEC 15948), section 5: a big-endian
length, a type of four letters, the content and a CRC of four bytes. The header chunk
must be the first, but libpng also accepts a file in which unknown chunks precede it.
"""

import struct
from typing import NamedTuple

_START = b'\x89PNG\r\n\x1a\n'
_CHUNK = struct.Struct('>I4s')
_SIZE = struct.Struct('>II')
# Bytes of a chunk that are not content: length, type, CRC.
_OVERHEAD = 12


class PngSize(NamedTuple):
    """The size of a PNG in pixels."""

    height: int
    width: int


def starts_as_png(data: bytes) -> bool:
    """Returns True if the data starts with the PNG signature."""
    return data.startswith(_START)


def read_png_size(data: bytes) -> PngSize | None:
    """Reads the size from the first header chunk.

    Args:
      data: a file's content that starts with the PNG signature.

    Returns:
      The size, or None if there is no whole header: no decoder accepts such a file.
    """
    position = len(_START)
    while position + _CHUNK.size + _SIZE.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, position)
        if kind == b'IHDR':
            width, height = _SIZE.unpack_from(data, position + _CHUNK.size)
            return PngSize(height, width)
        position += _OVERHEAD + length
    return None
