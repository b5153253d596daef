"""Turns a file's bytes into the picture that goes into the record.

A JPEG of one or three components goes in as it is. A PNG and a JPEG of four
components (CMYK, YCCK) become an RGB JPEG, as in the original builder. What a
file is, its content says, never its name: one training file is a PNG by the
name of ``n02105855_2933.JPEG``.
"""

from typing import NamedTuple

from transforms import convert_picture
from transforms.jpeg_header import (
    JpegHeader,
    ends_as_jpeg,
    read_jpeg_header,
    starts_as_jpeg,
)

PNG = 'PNG'
CMYK = 'CMYK'

_PNG_START = b'\x89PNG\r\n\x1a\n'


class BadPicture(ValueError):
    """The bytes are no picture that can be used; the message is the reason."""


class Picture(NamedTuple):
    """A picture as the record holds it.

    Attributes:
      encoded: a JPEG, grey or RGB.
      height, width: pixels, as stored (EXIF rotation is ignored).
      converted_from: ``PNG``, ``CMYK``, or None if the bytes are the file's own.
    """

    encoded: bytes
    height: int
    width: int
    converted_from: str | None


def load_picture(data: bytes) -> Picture:
    """Checks a file's content and brings it to the form that records have.

    The header and the last two bytes decide the plain cases. A file that they
    leave in doubt (data after its end, a rare kind of frame) is decoded, and
    what the decoder says counts.

    Args:
      data: the whole file.

    Raises:
      BadPicture: the file is empty, cut off, damaged, or no picture.
    """
    if not data:
        raise BadPicture('empty: 0 bytes')
    if data.startswith(_PNG_START):
        return _load_png(data)
    if not starts_as_jpeg(data):
        raise BadPicture(f'neither a JPEG nor a PNG: it starts with {data[:8]!r}')
    header = read_jpeg_header(data)
    if header is None or not ends_as_jpeg(data) or header.components == 4:
        return _load_doubtful_jpeg(data, header)
    return Picture(data, header.height, header.width, None)


def _load_png(data: bytes) -> Picture:
    try:
        decoded = convert_picture.decode_png(data)
    except convert_picture.DecodeError as error:
        raise BadPicture(f'damaged or cut off PNG: {error}') from error
    encoded = convert_picture.encode_rgb_jpeg(decoded.pixels)
    return Picture(encoded, decoded.height, decoded.width, PNG)


def _load_doubtful_jpeg(data: bytes, header: JpegHeader | None) -> Picture:
    try:
        decoded = convert_picture.decode_jpeg(data)
    except convert_picture.DecodeError as error:
        if header is not None and not ends_as_jpeg(data):
            raise BadPicture('cut off: the JPEG does not end as one') from error
        raise BadPicture(f'damaged JPEG: {error}') from error
    if header is not None and header.components == 4:
        encoded = convert_picture.encode_rgb_jpeg(decoded.pixels)
        return Picture(encoded, decoded.height, decoded.width, CMYK)
    return Picture(data, decoded.height, decoded.width, None)
