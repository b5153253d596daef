"""Decodes and converts images with TensorFlow, for the few that need it.

TensorFlow takes seconds and hundreds of megabytes to import, so the first such image
imports it: 23 of the 1,281,167 training files need it.
"""

import contextlib
import functools
import os
import platform
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from indexed_imagenet.console import silence_stderr
from indexed_imagenet.text import one_line

_import_lock = threading.Lock()


class DecodeError(ValueError):
    """The codec rejects the image; the message is its reason, on one line."""


class DecodedImage(NamedTuple):
    """A decoded image.

    Attributes:
      pixels: uint8 tensor, shape [height, width, channels].
      height, width: pixels, as stored.
    """

    pixels: Any
    height: int
    width: int


def _silence_tensorflow() -> contextlib.AbstractContextManager[None]:
    """Silences native code, unless TensorFlow's log is on.

    TensorFlow prints notes on instruction sets and missing GPUs before its own log
    level takes effect. ``TF_CPP_MIN_LOG_LEVEL=0`` shows everything.
    """
    level = os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    return silence_stderr(unless=level == '0')


@functools.cache
def _import_tensorflow() -> Any:
    with _silence_tensorflow():
        import tensorflow as tf

        # Images are decoded on the CPU; a GPU would be reserved and not used.
        tf.config.set_visible_devices([], 'GPU')
        tf.constant(0)  # the first operation looks for devices
    return tf


def tensorflow() -> Any:
    """Returns the module ``tensorflow``; the first call imports it."""
    with _import_lock:
        return _import_tensorflow()


def is_fault_of_machine(error: Exception) -> bool:
    """Returns True if an error is not about the image that was being worked on.

    That is one of memory, of the system, or of the installation.
    """
    if isinstance(error, MemoryError | OSError | ImportError):
        return True
    tf = sys.modules.get('tensorflow')
    return tf is not None and isinstance(error, tf.errors.ResourceExhaustedError)


@contextlib.contextmanager
def _decode_errors() -> Iterator[None]:
    """Turns whatever TensorFlow's codecs raise into a ``DecodeError``.

    Faults of the machine stay what they are.
    """
    tf = tensorflow()
    try:
        with _silence_tensorflow():  # libjpeg's own messages do not name the file
            yield
    except tf.errors.OpError as error:
        if is_fault_of_machine(error):
            raise
        # The names of TensorFlow's node and operation surround the reason.
        reason = re.sub(r'\{\{.*?\}\}|\[Op:.*', '', error.message).strip(' .')
        raise DecodeError(one_line(reason) or 'it cannot be decoded') from error


def _decode(decoder: str, data: bytes, channels: int) -> DecodedImage:
    with _decode_errors():
        pixels = getattr(tensorflow().io, decoder)(data, channels=channels)
    height, width, _ = pixels.shape
    return DecodedImage(pixels, height, width)


def read_jpeg_shape(data: bytes) -> tuple[int, int, int]:
    """Returns height and width in pixels and the number of components of a JPEG.

    libjpeg reads the header as it does before decoding, and stops there.

    Args:
      data: the whole file.

    Raises:
      DecodeError: libjpeg rejects the header.
    """
    with _decode_errors():
        height, width, components = tensorflow().io.extract_jpeg_shape(data).numpy()
    return int(height), int(width), int(components)


def decode_jpeg(data: bytes) -> DecodedImage:
    """Decodes a JPEG of any kind; four components are converted to RGB.

    Args:
      data: the whole file.

    Raises:
      DecodeError: the decoder rejects it.
    """
    return _decode('decode_jpeg', data, channels=0)


def decode_png(data: bytes) -> DecodedImage:
    """Decodes a PNG to RGB.

    Args:
      data: the whole file.

    Raises:
      DecodeError: the decoder rejects it.
    """
    return _decode('decode_png', data, channels=3)


def encode_rgb_jpeg(pixels: Any) -> bytes:
    """Encodes pixels as the original builder does: an RGB JPEG of quality 100.

    Args:
      pixels: uint8 tensor or array, shape [height, width, 3].

    Raises:
      DecodeError: the pixels cannot become a JPEG.
    """
    with _decode_errors():
        encoded = tensorflow().io.encode_jpeg(pixels, format='rgb', quality=100)
        return bytes(encoded.numpy())


def codec() -> str:
    """Returns TensorFlow's version and the CPU architecture, for the manifest.

    The bytes of converted images depend on both.
    """
    return f'tensorflow {tensorflow().__version__}, {platform.machine()}'
