"""Checks a file's bytes and turns them into the image that a record holds.

A JPEG of one or three components goes in unchanged. A PNG and a JPEG of four
components (CMYK, YCCK) become an RGB JPEG, as in the original builder. The content
decides the format, not the name: one training file is a PNG called
``n02105855_2933.JPEG``.
"""

from typing import NamedTuple

from indexed_imagenet.transforms.formats.shard_info import CMYK, DECODE, PNG, QUICK
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

# Formats that are converted to an RGB JPEG.
# A decoder holds the whole image in memory, and all coefficients of a progressive
# one: 1.1 GB measured at this size.
MAX_PIXELS = 100_000_000

# Scans times pixels. A decoder visits the whole image in each scan, even if the scan
# is only a few bytes. The worst file made took 0.9 ns per pixel, 9 s in all. Ordinary
# progressive files have about 10 scans: 1 billion at the largest size.
MAX_SCANNED_PIXELS = 10_000_000_000
# A scan has a cost of its own, so a smaller image counts as this many pixels.
_MIN_PIXELS_PER_SCAN = 1_000_000

_FIRST_SEGMENT = 2


class InvalidImageError(ValueError):
    """The bytes are not a valid image; the message is the reason, on one line."""


# A NamedTuple, as one is made per image: 0.26 µs, a frozen dataclass 0.53 µs.
class CheckedImage(NamedTuple):
    """A valid image as the record holds it.

    Attributes:
      encoded: a JPEG, greyscale or RGB.
      height, width: pixels, as stored (EXIF rotation is ignored).
      converted_from: ``PNG``, ``CMYK``, or None if the bytes are the file's own.
    """

    encoded: bytes
    height: int
    width: int
    converted_from: str | None


def check_image(data: bytes, check: str = QUICK) -> CheckedImage:
    """Checks a file's content and converts it to the form that records have.

    The header and the end of the file decide the plain cases. A file that they
    leave in doubt (data after its end, a rare kind of frame) is decoded, and the
    decoder decides.

    Args:
      data: the whole file.
      check: ``QUICK``, or ``DECODE`` to decode every file. Both return the same
        image for a file that both accept.

    Raises:
      InvalidImageError: the file is empty, cut off, damaged or not an image, or it
        has more than ``MAX_PIXELS`` pixels or more scans than
        ``MAX_SCANNED_PIXELS`` allows.
    """
    if not data:
        raise InvalidImageError('empty: 0 bytes')
    if starts_as_png(data):
        return _convert_png(data)
    if not starts_as_jpeg(data):
        raise InvalidImageError(f'neither a JPEG nor a PNG: it starts with {data[:8]!r}')
    header = read_jpeg_header(data)
    if header is None:
        return _check_rare_jpeg(data)
    _check_pixels(header.height, header.width)
    if check == DECODE or header.components == 4 or not _is_surely_whole(data, header):
        return _decode_jpeg(data, header)
    return CheckedImage(data, header.height, header.width, None)


def _check_pixels(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise InvalidImageError(
            f'too large: {width:,} x {height:,} is {height * width:,} pixels '
            f'(expected at most {MAX_PIXELS:,})'
        )


def _check_scans(num_scans: int, height: int, width: int) -> None:
    most = MAX_SCANNED_PIXELS // max(height * width, _MIN_PIXELS_PER_SCAN)
    if num_scans > most:
        raise InvalidImageError(
            f'too many scans: {num_scans:,} of {width:,} x {height:,} pixels '
            f'(expected at most {most:,})'
        )


def _is_surely_whole(data: bytes, header: JpegHeader) -> bool:
    """Returns True if a JPEG has its end; False leaves it in doubt."""
    if not ends_as_jpeg(data):
        return False
    if only_scan_reaches_end(data, header):
        return True
    scans = follow_scans(data, header.scan_offset)
    _check_scans(scans.count, header.height, header.width)
    # A decoder stops at a second scan if the first holds the whole image.
    return scans.ended and not (header.one_scan and scans.count > 1)


def _convert_png(data: bytes) -> CheckedImage:
    size = read_png_size(data)
    if size is None:
        raise InvalidImageError('damaged or cut off PNG: it has no whole IHDR chunk')
    _check_pixels(*size)
    try:
        decoded = tf_codec.decode_png(data)
    except tf_codec.DecodeError as error:
        raise InvalidImageError(f'damaged or cut off PNG: {error}') from error
    encoded = tf_codec.encode_rgb_jpeg(decoded.pixels)
    return CheckedImage(encoded, decoded.height, decoded.width, PNG)


def _check_rare_jpeg(data: bytes) -> CheckedImage:
    """Checks a JPEG whose header only libjpeg can read."""
    try:
        height, width, components = tf_codec.read_jpeg_shape(data)
    except tf_codec.DecodeError as error:
        raise InvalidImageError(f'damaged JPEG: {error}') from error
    _check_pixels(height, width)
    header = JpegHeader(height, width, components, _FIRST_SEGMENT, one_scan=False)
    return _decode_jpeg(data, header)


def _decode_jpeg(data: bytes, header: JpegHeader) -> CheckedImage:
    scans = follow_scans(data, header.scan_offset)
    _check_scans(scans.count, header.height, header.width)
    try:
        decoded = tf_codec.decode_jpeg(data)
    except tf_codec.DecodeError as error:
        if scans.count and not scans.ended:
            raise InvalidImageError(
                'cut off: the JPEG stops before its end-of-image marker'
            ) from error
        raise InvalidImageError(f'damaged JPEG: {error}') from error
    if header.components == 4:
        encoded = tf_codec.encode_rgb_jpeg(decoded.pixels)
        return CheckedImage(encoded, decoded.height, decoded.width, CMYK)
    return CheckedImage(data, decoded.height, decoded.width, None)
