"""Checks a file's bytes and turns them into the image that a record holds.

A JPEG of one or three components goes in unchanged. A PNG and a JPEG of four
components (CMYK, YCCK) become an RGB JPEG, as in the original builder. The content
decides the format, not the name: one training file is a PNG called
``n02105855_2933.JPEG``.
"""

from typing import NamedTuple

from indexed_imagenet.text import error_text, one_line
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
from indexed_imagenet.transforms.images.other_formats import (
    find_jpeg_frame,
    name_format,
)
from indexed_imagenet.transforms.images.png_header import (
    read_png_chunks,
    read_png_size,
    starts_as_png,
)

# Pixels in one direction. libjpeg neither decodes nor encodes a larger JPEG
# (JPEG_MAX_DIMENSION in jmorecfg.h).
MAX_SIDE = 65_500

# A decoder holds the whole image in memory, and all coefficients of a progressive
# one: 1.1 GB measured at this size.
MAX_PIXELS = 100_000_000

# Scans times pixels. A decoder visits the whole image in each scan, even if the scan
# is only a few bytes. The worst file made took 0.9 ns per pixel, 9 s in all. Ordinary
# progressive files have about 10 scans: 1 billion at the largest size.
MAX_SCANNED_PIXELS = 10_000_000_000
# A scan has a cost of its own, so a smaller image counts as this many pixels.
_MIN_PIXELS_PER_SCAN = 1_000_000

# Compressed texts and colour profiles of a PNG. libpng unpacks up to 8 MB of each and
# keeps nothing: 31 ms measured, so a file of the largest size could take 20 minutes.
MAX_COMPRESSED_CHUNKS = 100

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
        is beyond one of the limits above. No content of a file raises anything else:
        what does is a fault of the machine, such as a lack of memory.
    """
    try:
        return _check_image(data, check)
    except InvalidImageError:
        raise
    except Exception as error:
        if tf_codec.is_fault_of_machine(error):
            raise
        kind = type(error).__name__
        raise InvalidImageError(
            f'cannot be checked: {kind}: {error_text(error)}'
        ) from error


def _check_image(data: bytes, check: str) -> CheckedImage:
    if not data:
        raise InvalidImageError('empty: 0 bytes')
    if starts_as_png(data):
        return _convert_png(data)
    if not starts_as_jpeg(data):
        name = name_format(data)
        if name is not None:
            raise InvalidImageError(f'{name} (expected JPEG or PNG); convert it to JPEG')
        raise InvalidImageError(f'neither a JPEG nor a PNG: it starts with {data[:8]!r}')
    header = read_jpeg_header(data)
    if header is None:
        return _check_rare_jpeg(data)
    _check_size(header.height, header.width)
    if check == DECODE or header.components == 4 or not _is_surely_whole(data, header):
        return _decode_jpeg(data, header)
    return CheckedImage(data, header.height, header.width, None)


def _check_size(height: int, width: int) -> None:
    for what, side in (('wide', width), ('high', height)):
        if side > MAX_SIDE:
            raise InvalidImageError(
                f'too {what}: {side:,} pixels (expected at most {MAX_SIDE:,})'
            )
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
    _check_size(*size)
    chunks = read_png_chunks(data)
    if chunks.cut is not None:
        raise InvalidImageError(f'damaged or cut off PNG: {one_line(chunks.cut)}')
    if chunks.compressed > MAX_COMPRESSED_CHUNKS:
        raise InvalidImageError(
            f'too many compressed texts: {chunks.compressed:,} (expected at most '
            f'{MAX_COMPRESSED_CHUNKS:,})'
        )
    try:
        decoded = tf_codec.decode_png(data)
    except tf_codec.DecodeError as error:
        raise InvalidImageError(f'damaged or cut off PNG: {error}') from error
    encoded = _encode(decoded)
    return CheckedImage(encoded, decoded.height, decoded.width, PNG)


def _encode(decoded: tf_codec.DecodedImage) -> bytes:
    try:
        return tf_codec.encode_rgb_jpeg(decoded.pixels)
    except tf_codec.DecodeError as error:
        raise InvalidImageError(f'cannot become a JPEG: {error}') from error


def _check_rare_jpeg(data: bytes) -> CheckedImage:
    """Checks a JPEG whose header only libjpeg can read."""
    frame = find_jpeg_frame(data)
    if frame is not None:
        _check_size(frame.height, frame.width)
    try:
        height, width, components = tf_codec.read_jpeg_shape(data)
    except tf_codec.DecodeError as error:
        raise InvalidImageError(_refusal(data, error)) from error
    _check_size(height, width)
    header = JpegHeader(height, width, components, _FIRST_SEGMENT, one_scan=False)
    return _decode_jpeg(data, header)


def _refusal(data: bytes, error: tf_codec.DecodeError) -> str:
    """Returns why a decoder refuses a JPEG."""
    frame = find_jpeg_frame(data)
    if frame is not None and frame.rare_kind is not None:
        return (
            f'{frame.rare_kind} (expected baseline or progressive, 8 bits per sample); '
            'convert it to such a JPEG'
        )
    return f'damaged JPEG: {error}'


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
        raise InvalidImageError(_refusal(data, error)) from error
    if header.components == 4:
        encoded = _encode(decoded)
        return CheckedImage(encoded, decoded.height, decoded.width, CMYK)
    return CheckedImage(data, decoded.height, decoded.width, None)
