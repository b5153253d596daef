"""Turns a file's bytes into the picture that goes into the record.

A JPEG of one or three components goes in as it is. A PNG and a JPEG of four
components (CMYK, YCCK) become an RGB JPEG, as in the original builder. What a
file is, its content says, never its name: one training file is a PNG by the
name of ``n02105855_2933.JPEG``.
"""

from typing import NamedTuple

from indexed_imagenet.transforms.formats.shard_info import DECODE, QUICK
from indexed_imagenet.transforms.images import tf_codec
from indexed_imagenet.transforms.images.jpeg_header import (
    JpegHeader,
    ends_as_jpeg,
    read_jpeg_header,
    starts_as_jpeg,
)
from indexed_imagenet.transforms.images.jpeg_scans import (
    follow_scans,
    only_scan_reaches_end,
)
from indexed_imagenet.transforms.images.png_header import read_png_size, starts_as_png

PNG = 'PNG'
CMYK = 'CMYK'

# The largest picture that is taken. A decoder holds it whole, a progressive one
# with all of its coefficients: 1.1 GB were measured at this size.
MAX_PIXELS = 100_000_000

# Scans times pixels that a decoder may have to go through: it visits the whole
# picture in each scan, even if the scan is but a few bytes. The worst that was
# made took 0.9 ns a pixel, 9 s in all. Ordinary progressive files have about 10
# scans: 1 billion at the largest size. A scan also costs something of itself, so
# no picture counts as less than a million pixels.
MAX_SCANNED = 10_000_000_000
_LEAST_SCANNED = 1_000_000


class InvalidImageError(ValueError):
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


def check_image(data: bytes, check: str = QUICK) -> Picture:
    """Checks a file's content and brings it to the form that records have.

    The header and the end of the file decide the plain cases. A file that they
    leave in doubt (data after its end, a rare kind of frame) is decoded, and
    what the decoder says counts.

    Args:
      data: the whole file.
      check: ``QUICK``, or ``DECODE`` to have every file decoded. What is handed
        on of a file that both take is the same.

    Raises:
      InvalidImageError: the file is empty, cut off, damaged, or no picture; or it has
        more pixels or scans than anything that is decoded may have.
    """
    if not data:
        raise InvalidImageError('empty: 0 bytes')
    if starts_as_png(data):
        return _load_png(data)
    if not starts_as_jpeg(data):
        raise InvalidImageError(f'neither a JPEG nor a PNG: it starts with {data[:8]!r}')
    header = read_jpeg_header(data)
    if header is None:
        return _load_rare_jpeg(data)
    _check_pixels(header.height, header.width)
    if check == DECODE or header.components == 4 or not _is_whole(data, header):
        return _decode_jpeg(data, header)
    return Picture(data, header.height, header.width, None)


def _check_pixels(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise InvalidImageError(
            f'too large: {width:,} x {height:,} pixels are {height * width:,}, '
            f'expected at most {MAX_PIXELS:,}'
        )


def _check_scans(count: int, height: int, width: int) -> None:
    most = MAX_SCANNED // max(height * width, _LEAST_SCANNED)
    if count > most:
        raise InvalidImageError(
            f'too many scans: {count:,} of {width:,} x {height:,} pixels, '
            f'expected at most {most:,}'
        )


def _is_whole(data: bytes, header: JpegHeader) -> bool:
    """Whether a JPEG surely has its end; False is a doubt."""
    if not ends_as_jpeg(data):
        return False
    if only_scan_reaches_end(data, header):
        return True
    scans = follow_scans(data, header.scan)
    _check_scans(scans.count, header.height, header.width)
    # A decoder stops at a second scan where the first has all of the picture.
    return scans.ended and not (header.one_scan and scans.count > 1)


def _load_png(data: bytes) -> Picture:
    size = read_png_size(data)
    if size is None:
        raise InvalidImageError('damaged or cut off PNG: it has no header')
    _check_pixels(*size)
    try:
        decoded = tf_codec.decode_png(data)
    except tf_codec.DecodeError as error:
        raise InvalidImageError(f'damaged or cut off PNG: {error}') from error
    encoded = tf_codec.encode_rgb_jpeg(decoded.pixels)
    return Picture(encoded, decoded.height, decoded.width, PNG)


def _load_rare_jpeg(data: bytes) -> Picture:
    """Loads a JPEG whose header only libjpeg can read."""
    try:
        height, width, components = tf_codec.read_jpeg_shape(data)
    except tf_codec.DecodeError as error:
        raise InvalidImageError(f'damaged JPEG: {error}') from error
    _check_pixels(height, width)
    return _decode_jpeg(data, JpegHeader(height, width, components, 2, False))


def _decode_jpeg(data: bytes, header: JpegHeader) -> Picture:
    scans = follow_scans(data, header.scan)
    _check_scans(scans.count, header.height, header.width)
    try:
        decoded = tf_codec.decode_jpeg(data)
    except tf_codec.DecodeError as error:
        if scans.count and not scans.ended:
            raise InvalidImageError(
                'cut off: the JPEG does not come to its end'
            ) from error
        raise InvalidImageError(f'damaged JPEG: {error}') from error
    if header.components == 4:
        encoded = tf_codec.encode_rgb_jpeg(decoded.pixels)
        return Picture(encoded, decoded.height, decoded.width, CMYK)
    return Picture(data, decoded.height, decoded.width, None)
