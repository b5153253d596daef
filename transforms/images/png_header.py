"""Reads the size of a PNG and the lengths of its chunks, without decoding it.

Chunks are those of the PNG specification (ISO/IEC 15948), section 5: a big-endian
length, a type of four letters, the content and a CRC of four bytes. The header chunk
must be the first, but libpng also accepts a file in which unknown chunks precede it.
"""

import dataclasses
import struct
from typing import NamedTuple

_START = b'\x89PNG\r\n\x1a\n'
_CHUNK = struct.Struct('>I4s')
_SIZE = struct.Struct('>II')
# Bytes of a chunk that are not content: length, type, CRC.
_OVERHEAD = 12
_END = b'IEND'
# Chunks beside the image data whose content is compressed.
_COMPRESSED = frozenset({b'zTXt', b'iTXt', b'iCCP'})


class PngSize(NamedTuple):
    """The size of a PNG in pixels."""

    height: int
    width: int


@dataclasses.dataclass(frozen=True, slots=True)
class PngChunks:
    """What the lengths of a PNG's chunks say.

    Attributes:
      cut: how the file is cut off; None if it has all of every chunk to the last.
      compressed: the number of compressed texts and colour profiles.
    """

    cut: str | None
    compressed: int


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


def read_png_chunks(data: bytes) -> PngChunks:
    """Follows the lengths of the chunks to the last one, ``IEND``.

    libpng allocates what a text chunk's length promises before it reads it: 2 GB for a
    file of 46 bytes.

    Args:
      data: a file's content that starts with the PNG signature.
    """
    position, compressed = len(_START), 0
    while position + _CHUNK.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, position)
        left = len(data) - position - _OVERHEAD
        if length > left:
            name = kind.decode('latin-1')
            cut = f'its {name} chunk has {max(left, 0):,} bytes (expected {length:,})'
            return PngChunks(cut, compressed)
        if kind == _END:
            return PngChunks(None, compressed)
        compressed += kind in _COMPRESSED
        position += _OVERHEAD + length
    return PngChunks('it has no IEND chunk', compressed)
