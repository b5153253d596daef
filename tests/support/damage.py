"""Makes images of every kind, and damages files in every way."""

import struct

import numpy as np

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.images import tf_codec

END = b'\xff\xd9'
_SCAN = 0xDA


def segment(code: int, content: bytes = b'') -> bytes:
    """Returns a JPEG segment: marker, length, content."""
    return struct.pack('>BBH', 0xFF, code, len(content) + 2) + content


def first_scan(jpeg: bytes) -> int:
    """Returns the offset of the first scan's marker, bytes."""
    position = 2
    while jpeg[position + 1] != _SCAN:
        position += 2 + struct.unpack_from('>H', jpeg, position + 2)[0]
    return position


def with_size(jpeg: bytes, height: int, width: int) -> bytes:
    """Returns the file with another size in its frame header."""
    position = 2
    while jpeg[position + 1] not in (0xC0, 0xC1, 0xC2):
        position += 2 + struct.unpack_from('>H', jpeg, position + 2)[0]
    size = struct.pack('>HH', height, width)
    return jpeg[: position + 5] + size + jpeg[position + 9 :]


def between_scans(jpeg: bytes, added: bytes, number: int = 1) -> bytes:
    """Returns the file with bytes inserted before its second scan, or a later one."""
    position = first_scan(jpeg)
    for _ in range(number):
        position = jpeg.index(b'\xff\xda', position + 2)
    return jpeg[:position] + added + jpeg[position:]


def encode_with_restarts(pixels: np.ndarray) -> bytes:
    """Returns a grey JPEG with a restart marker after each row of blocks.

    The data between restarts is, bit for bit, the scan of the row as an image.
    """
    height, width = pixels.shape[0] // 8 * 8, pixels.shape[1]
    rows = [pictures.encode_grey(pixels[top : top + 8]) for top in range(0, height, 8)]
    begin = first_scan(rows[0])
    tables, header = rows[0][:begin], rows[0][begin : begin + 10]
    data = b''
    for number, row in enumerate(rows):
        data += bytes([0xFF, 0xD0 + (number - 1) % 8]) if number else b''
        data += row[begin + len(header) : -2]
    interval = segment(0xDD, struct.pack('>H', -(-width // 8)))
    return with_size(tables, height, width) + interval + header + data + END


def make_images(pixels: np.ndarray, seed: int = 0) -> dict[str, bytes]:
    """Returns whole files of every kind, by name.

    Args:
      pixels: uint8, shape [height, width, 3].
      seed: for the bytes in comments and profiles.
    """
    random = np.random.RandomState(seed)
    encode = tf_codec.tensorflow().io.encode_jpeg
    baseline = pictures.encode_rgb(pixels)
    progressive = pictures.encode_rgb(pixels, progressive=True)
    cmyk = pictures.encode_cmyk(pixels)
    thumbnail = pictures.encode_rgb(pixels[:16, :16])
    exif = segment(0xE1, b'Exif\0\0MM\0\x2a\0\0\0\x08' + bytes(20) + thumbnail)
    profile = segment(0xE2, b'ICC_PROFILE\0\1\1' + END + random.bytes(3000))
    comment = segment(0xFE, b'comment' + END + b' and the rest ' + random.bytes(50))
    return {
        'baseline 4:2:0': baseline,
        'baseline 4:4:4': encode(pixels, quality=90, chroma_downsampling=False).numpy(),
        'optimized': encode(pixels, quality=80, optimize_size=True).numpy(),
        'progressive': progressive,
        'grey': pictures.encode_grey(pixels),
        'CMYK': cmyk,
        'restart markers': encode_with_restarts(pixels),
        'EXIF thumbnail': baseline[:2] + exif + baseline[2:],
        'EXIF, progressive': progressive[:2] + exif + progressive[2:],
        'ICC profile': baseline[:2] + profile + baseline[2:],
        'comment after its scan': baseline[:-2] + comment + END,
        'comment between scans': between_scans(progressive, comment, number=4),
        'comment between planes': between_scans(cmyk, comment),
        'garbage in the header': baseline[:20] + b'xyz' + baseline[20:],
        'PNG': pictures.encode_png(pixels),
    }


OTHER_FORMATS = {
    'GIF': b'GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;',
    'BMP': b'BM:\0\0\0\0\0\0\x006\0\0\0(\0\0\0\1\0\0\0\1\0\0\0\1\0\x18' + bytes(29),
    'WebP': b'RIFF\x24\0\0\0WEBPVP8 ' + bytes(24),
    'TIFF': b'II*\0\x08\0\0\0' + bytes(40),
    'JPEG XL': b'\xff\x0a' + bytes(40),
    'JPEG 2000': b'\0\0\0\x0cjP  \r\n\x87\n' + bytes(40),
    'HTML': b'<!DOCTYPE html>\n<html>Not found</html>\n',
    'text': 'Ünïcode\r\n\x1b[31m'.encode(),
    'tar': b'n01440764_1.JPEG' + bytes(496),
    'nothing': b'',
}


def _cut(random, whole, _):
    return whole[: random.randint(len(whole))]


def _cut_near_end(random, whole, _):
    return whole[: -random.randint(1, min(40, len(whole)))]


def _cut_after_end_marker(random, whole, _):
    ends = [i for i in range(2, len(whole)) if whole[i - 2 : i] == END]
    return whole[: ends[random.randint(len(ends))]] if ends else whole[:-1]


def _flip_bits(data: bytes, random, begin: int, end: int) -> bytes:
    flipped = bytearray(data)
    for _ in range(random.randint(1, 9)):
        flipped[random.randint(begin, end)] ^= 1 << random.randint(8)
    return bytes(flipped)


def _flip_anywhere(random, whole, _):
    return _flip_bits(whole, random, 0, len(whole))


def _flip_in_header(random, whole, _):
    is_jpeg = whole.startswith(b'\xff\xd8') and b'xyz' not in whole[:30]
    return _flip_bits(whole, random, 2, first_scan(whole) + 14 if is_jpeg else 60)


def _overwrite(random, whole, new: bytes):
    begin = random.randint(len(whole))
    return whole[:begin] + new[: len(whole) - begin] + whole[begin + len(new) :]


def _zero_block(random, whole, _):
    return _overwrite(random, whole, bytes(random.randint(1, max(2, len(whole) // 4))))


def _noise_block(random, whole, _):
    return _overwrite(random, whole, random.bytes(random.randint(1, len(whole) // 4)))


def _zero_tail(random, whole, _):
    begin = random.randint(len(whole))
    return whole[:begin] + bytes(len(whole) - begin)


def _splice(random, whole, other):
    return whole[: random.randint(len(whole))] + other[random.randint(len(other)) :]


def _remove(random, whole, _):
    begin = random.randint(len(whole))
    return whole[:begin] + whole[begin + random.randint(1, 200) :]


def _insert(random, whole, _):
    begin = random.randint(len(whole))
    return whole[:begin] + random.bytes(random.randint(1, 200)) + whole[begin:]


def _add_after_end(random, whole, other):
    return whole + (random.bytes(9), bytes(50), b'\xff', other)[random.randint(4)]


# By kind of damage: functions of (random, whole file, another whole file).
CUTS = {
    'cut anywhere': _cut,
    'cut near the end': _cut_near_end,
    'cut after FF D9': _cut_after_end_marker,
}
DAMAGES = {
    **CUTS,
    'cut, end marker put back': lambda *args: _cut(*args) + END,
    'bits flipped anywhere': _flip_anywhere,
    'bits flipped in the header': _flip_in_header,
    'a block zeroed': _zero_block,
    'the rest zeroed': _zero_tail,
    'a block of noise': _noise_block,
    'bytes removed': _remove,
    'bytes inserted': _insert,
    'spliced with another': _splice,
    'bytes after the end': _add_after_end,
}


def make_damaged(
    kind: str, wholes: list[bytes], count: int, seed: int = 0
) -> list[bytes]:
    """Returns files damaged in one way of ``DAMAGES``, the same for the same seed.

    Args:
      kind: a key of ``DAMAGES``.
      wholes: whole files, damaged in turn.
      count: how many files to return.
      seed: of the damage.
    """
    random = np.random.RandomState([seed, list(DAMAGES).index(kind)])
    made = []
    for number in range(count):
        other = wholes[random.randint(len(wholes))]
        made.append(DAMAGES[kind](random, wholes[number % len(wholes)], other))
    return made


def decoder_accepts(data: bytes) -> bool:
    """Returns True if TensorFlow's decoder accepts a file that starts as JPEG or PNG."""
    is_png = data.startswith(b'\x89PNG')
    decode = tf_codec.decode_png if is_png else tf_codec.decode_jpeg
    try:
        decode(data)
    except tf_codec.DecodeError:
        return False
    return True
