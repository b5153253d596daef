"""Finds the size of a JPEG in its header, without decoding it.

Markers and segments are those of ITU-T T.81, annex B: two bytes 0xFF and a
code, then for most codes a big-endian length that counts itself. Reading the
header of an ImageNet file takes about 2 µs, a full decode 2,900.
"""

from typing import NamedTuple

_START = b'\xff\xd8'
_END = b'\xff\xd9'

# Start-of-frame codes that any decoder takes: baseline, extended sequential and
# progressive, all with Huffman coding.
_PLAIN_FRAMES = (0xC0, 0xC1, 0xC2)
# Any other frame (lossless, differential, arithmetic, or a second one), and what
# may not come before the scan: start and end of image.
_NO_PLAIN_FRAME = frozenset({*range(0xC0, 0xD0), 0xD8, 0xD9} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = 0xC2
_SCAN = 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})

# Segments and fill bytes that are walked. Ordinary files have some twenty, one
# with a large ICC profile or a maker's notes a few hundred; without a limit,
# 256 MiB of fill bytes would take half a minute.
_MAX_STEPS = 10_000


class JpegHeader(NamedTuple):
    """What the frame header says, and where the picture's data begins.

    Attributes:
      height, width: pixels.
      components: 1, 3 or 4.
      scan: offset of the first scan's marker, bytes.
      one_scan: whether that scan has all of the picture: sequential, with all
        components. A decoder takes no other scan then.
    """

    height: int
    width: int
    components: int
    scan: int
    one_scan: bool


def starts_as_jpeg(data: bytes) -> bool:
    """Whether the data begins as every JPEG does."""
    return data.startswith(_START)


def ends_as_jpeg(data: bytes) -> bool:
    """Whether the last two bytes are the end-of-image marker."""
    return data.endswith(_END)


def read_jpeg_header(data: bytes) -> JpegHeader | None:
    """Reads size and components from the frame header.

    Args:
      data: a file's content; only the part before the first scan is looked at.

    Returns:
      The header of a plain frame that a scan follows: Huffman coded, 8 bits a
      sample, with a size and 1, 3 or 4 components. None if there is no such
      frame within a bounded number of segments: the data is then not a JPEG,
      cut off, or of a rare kind, which only a decoder can tell.
    """
    if not starts_as_jpeg(data):
        return None
    frame, position, size = None, 2, len(data)
    for _ in range(_MAX_STEPS):
        # A marker with its length, and of a frame all up to the component count.
        if position + 10 > size or data[position] != 0xFF:
            return None
        code = data[position + 1]
        if code == 0xFF:  # any number of fill bytes may stand before a code
            position += 1
            continue
        if code in _ALONE:
            position += 2
            continue
        if code == _SCAN:
            if frame is None:
                return None
            kind, height, width, components = frame
            one_scan = kind != _PROGRESSIVE and data[position + 4] == components
            return JpegHeader(height, width, components, position, one_scan)
        if code in _PLAIN_FRAMES and frame is None:
            precision = data[position + 4]
            height = data[position + 5] << 8 | data[position + 6]
            width = data[position + 7] << 8 | data[position + 8]
            components = data[position + 9]
            if precision != 8 or not height or not width or components not in (1, 3, 4):
                return None
            frame = code, height, width, components
        elif code in _NO_PLAIN_FRAME:
            return None
        position += 2 + (data[position + 2] << 8 | data[position + 3])
    return None
