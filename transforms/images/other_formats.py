"""Names what a file is that is not an ordinary JPEG or PNG, for the error."""

import struct
from typing import NamedTuple

# Precision, height, width.
_FRAME = struct.Struct('>BHH')
_MAX_SEGMENTS = 10_000

# How files of other formats begin.
_STARTS = (
    (b'GIF8', 'a GIF image'),
    (b'BM', 'a BMP image'),
    (b'II*\0', 'a TIFF image'),
    (b'MM\0*', 'a TIFF image'),
    (b'II+\0', 'a TIFF image'),
    (b'MM\0+', 'a TIFF image'),
    (b'\0\0\0\x0cjP  \r\n\x87\n', 'a JPEG 2000 image'),
    (b'\xff\x4f\xff\x51', 'a JPEG 2000 image'),
    (b'\0\0\0\x0cJXL \r\n\x87\n', 'a JPEG XL image'),
    (b'\xff\x0a', 'a JPEG XL image'),
    (b'8BPS', 'a Photoshop image'),
    (b'qoif', 'a QOI image'),
)
# Brands of ISO base media files (ISO/IEC 14496-12, 23008-12), bytes 8 to 11.
_BRANDS = {
    **dict.fromkeys((b'avif', b'avis'), 'an AVIF image'),
    **dict.fromkeys(
        (b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1'),
        'a HEIC image',
    ),
}

# Codes of start-of-frame markers (ITU-T T.81, table B.1; T.87 for JPEG-LS).
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_HIERARCHICAL = frozenset({0xC5, 0xC6, 0xCD, 0xCE, 0xDE})
_ARITHMETIC = frozenset({0xC9, 0xCA})
_JPEG_LS = 0xF7
_FRAMES = (
    frozenset({0xC0, 0xC1, 0xC2, _JPEG_LS}) | _LOSSLESS | _HIERARCHICAL | _ARITHMETIC
)
# Codes without a length: a stuffed zero, temporary, restart.
_STANDALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
_SCAN, _END = 0xDA, 0xD9


def name_format(data: bytes) -> str | None:
    """Returns the name of an image format other than JPEG and PNG, with its article.

    >>> name_format(b'GIF89a')
    'a GIF image'

    Args:
      data: a file's content.

    Returns:
      The name; None if the data does not start like a format known here.
    """
    if data[:4] == b'RIFF' and data[8:12] == b'WEBP':
        return 'a WebP image'
    if data[4:8] == b'ftyp':
        return _BRANDS.get(data[8:12])
    for start, name in _STARTS:
        if data.startswith(start):
            return name
    return None


class JpegFrame(NamedTuple):
    """The frame header of a JPEG of any kind.

    Attributes:
      code: of its marker.
      precision: bits per sample.
      height, width: pixels.
    """

    code: int
    precision: int
    height: int
    width: int

    @property
    def rare_kind(self) -> str | None:
        """The kind, such as ``a lossless JPEG``; None if the frame is an ordinary one."""
        if self.code == _JPEG_LS:
            return 'a JPEG-LS image'
        if self.code in _LOSSLESS:
            return 'a lossless JPEG'
        if self.code in _HIERARCHICAL:
            return 'a hierarchical JPEG'
        if self.code in _ARITHMETIC:
            return 'an arithmetic-coded JPEG'
        if self.precision == 12:
            return 'a 12-bit JPEG'
        return None


def find_jpeg_frame(data: bytes) -> JpegFrame | None:
    """Returns the first frame header of a JPEG, whatever its kind.

    Args:
      data: a file's content that starts as a JPEG does.

    Returns:
      The header; None if the markers do not lead to one.
    """
    position = 2
    for _ in range(_MAX_SEGMENTS):
        # As in libjpeg, any bytes may precede a marker.
        position = data.find(b'\xff', position)
        if position < 0 or position + 9 > len(data):
            return None
        code = data[position + 1]
        if code == 0xFF:
            position += 1
        elif code in _STANDALONE:
            position += 2
        elif code in _FRAMES:
            return JpegFrame(code, *_FRAME.unpack_from(data, position + 4))
        elif code in (_SCAN, _END):
            return None
        else:
            position += 2 + (data[position + 2] << 8 | data[position + 3])
    return None
