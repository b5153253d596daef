"""Decodes and converts pictures with TensorFlow, for the few that need it.

TensorFlow takes seconds and hundreds of megabytes to import, so it is imported
when the first such picture comes: of 1,281,167 training files, 23.
"""

import contextlib
import functools
import os
import platform
import re
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from indexed_imagenet.console import silence_stderr

_import_lock = threading.Lock()


class DecodeError(ValueError):
    """The decoder refuses the picture; the message is its reason."""


class Decoded(NamedTuple):
    """A decoded picture.

    Attributes:
      pixels: uint8 tensor, shape [height, width, channels].
      height, width: pixels, as stored.
    """

    pixels: Any
    height: int
    width: int


def _silence_tensorflow() -> contextlib.AbstractContextManager[None]:
    """Silences native code, unless TensorFlow's log is on.

    TensorFlow's notes on instruction sets and missing GPUs come before its own
    log level takes effect. With ``TF_CPP_MIN_LOG_LEVEL=0`` everything is shown.
    """
    level = os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    return silence_stderr(unless=level == '0')


@functools.cache
def _import_tensorflow() -> Any:
    with _silence_tensorflow():
        import tensorflow as tf

        # Pictures are decoded on the CPU; a GPU would only be held, not used.
        tf.config.set_visible_devices([], 'GPU')
        tf.constant(0)  # it looks for devices at its first operation
    return tf


def tensorflow() -> Any:
    """TensorFlow, imported at the first call."""
    with _import_lock:
        return _import_tensorflow()


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Has the decoder's refusal of a picture come as a DecodeError."""
    tf = tensorflow()
    try:
        with _silence_tensorflow():  # the decoder's own words name no file
            yield
    except tf.errors.InvalidArgumentError as error:
        # Around the reason stand the names of TensorFlow's node and operation.
        reason = re.sub(r'\{\{.*?\}\}|\[Op:.*', '', error.message).strip(' .')
        reason = ' '.join(reason.split())
        raise DecodeError(reason or 'it cannot be decoded') from error


def _decode(decoder: str, data: bytes, channels: int) -> Decoded:
    with _refusals():
        pixels = getattr(tensorflow().io, decoder)(data, channels=channels)
    height, width, _ = pixels.shape
    return Decoded(pixels, height, width)


def read_jpeg_shape(data: bytes) -> tuple[int, int, int]:
    """Height and width in pixels, and the number of components of a JPEG.

    libjpeg reads the header as it does before it decodes, but no further.

    Raises:
      DecodeError: it refuses the header.
    """
    with _refusals():
        height, width, components = tensorflow().io.extract_jpeg_shape(data).numpy()
    return int(height), int(width), int(components)


def decode_jpeg(data: bytes) -> Decoded:
    """Decodes a JPEG of any kind; four components come out as RGB.

    Raises:
      DecodeError: the decoder refuses it.
    """
    return _decode('decode_jpeg', data, channels=0)


def decode_png(data: bytes) -> Decoded:
    """Decodes a PNG to RGB.

    Raises:
      DecodeError: the decoder refuses it.
    """
    return _decode('decode_png', data, channels=3)


def encode_rgb_jpeg(pixels: Any) -> bytes:
    """Encodes RGB pixels as the original builder does: JPEG of quality 100."""
    return tensorflow().io.encode_jpeg(pixels, format='rgb', quality=100).numpy()


def codec() -> str:
    """What converts pictures here: the bytes of converted ones depend on it."""
    return f'tensorflow {tensorflow().__version__}, {platform.machine()}'
