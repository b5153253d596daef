"""Encodes pictures as the kinds of files found in ImageNet."""

import struct

import numpy as np

from indexed_imagenet.sample.drawings import DRAWINGS
from indexed_imagenet.sample.scenes import make_scene
from indexed_imagenet.transforms.images.tf_codec import tensorflow

_QUALITY = 95


def make_pixels(seed: int) -> np.ndarray:
    """Returns a picture of one of the drawings: RGB, uint8, shape [height, width, 3]."""
    drawings = list(DRAWINGS.values())
    return make_scene(seed, drawings[seed % len(drawings)])


def encode_rgb(pixels: np.ndarray, progressive: bool = False) -> bytes:
    """Returns an RGB JPEG, baseline or progressive."""
    tf = tensorflow()
    encoded = tf.io.encode_jpeg(
        pixels, format='rgb', quality=_QUALITY, progressive=progressive
    )
    return bytes(encoded.numpy())


def encode_grey(pixels: np.ndarray) -> bytes:
    """Returns a JPEG with one component: the first channel."""
    tf = tensorflow()
    encoded = tf.io.encode_jpeg(pixels[..., :1], format='grayscale', quality=_QUALITY)
    return bytes(encoded.numpy())


def encode_png(pixels: np.ndarray) -> bytes:
    """Returns an RGB PNG."""
    return bytes(tensorflow().io.encode_png(pixels).numpy())


def _segment(code: int, content: bytes) -> bytes:
    return struct.pack('>BBH', 0xFF, code, len(content) + 2) + content


def _segments_and_scan(jpeg: bytes) -> tuple[dict[int, bytes], bytes]:
    """Returns the segments before the scan of a baseline JPEG, by code, and its data."""
    segments: dict[int, bytes] = {}
    position = 2
    while True:
        code, length = struct.unpack_from('>xBH', jpeg, position)
        end = position + 2 + length
        if code == 0xDA:
            return segments, jpeg[end:-2]
        segments[code] = segments.get(code, b'') + jpeg[position:end]
        position = end


def encode_cmyk(pixels: np.ndarray) -> bytes:
    """Returns a CMYK JPEG, as Adobe's programs write it.

    TensorFlow cannot encode CMYK. But a frame may store each component in a scan of
    its own, and such a scan has exactly the bits of a grey JPEG's scan. So this joins
    the scans of four grey JPEGs, which share their tables as their quality is the
    same.

    Source: ITU-T T.81, B.2; the Adobe segment is that of Adobe Technical Note #5116.
    """
    black = pixels.min(axis=2, keepdims=True)
    planes = np.concatenate([pixels, black], axis=2)
    height, width, num_planes = planes.shape
    frame = struct.pack('>BHHB', 8, height, width, num_planes)
    tables, scans = b'', b''
    for number in range(1, num_planes + 1):
        segments, data = _segments_and_scan(encode_grey(planes[..., number - 1 : number]))
        tables = segments[0xDB] + segments[0xC4]
        frame += bytes([number, 0x11, 0])
        scans += _segment(0xDA, bytes([1, number, 0, 0, 63, 0])) + data
    adobe = _segment(0xEE, b'Adobe' + struct.pack('>HHHB', 100, 0, 0, 0))
    return b'\xff\xd8' + adobe + tables + _segment(0xC0, frame) + scans + b'\xff\xd9'


def add_comment(jpeg: bytes, comment: bytes) -> bytes:
    """Returns the same JPEG with a comment inserted after its first segment."""
    end = 4 + struct.unpack_from('>H', jpeg, 4)[0]
    return jpeg[:end] + _segment(0xFE, comment) + jpeg[end:]
