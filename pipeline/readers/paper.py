"""The preprocessing of Feldman and Zhang (2020), for TensorFlow and for numpy.

Evaluation: the central square of int(224 / 256 × min(height, width)) pixels, at offset
(side − square + 1) // 2, as floats in 0 … 1, resized to 224 × 224 bilinearly without
antialiasing, minus the mean of ImageNet's channels, divided by their standard deviation.
Their code calls ``resize`` of TensorFlow 1, which places output pixel i at input pixel
i × side / 224: half a pixel off from where TensorFlow 2, torchvision and Pillow place it.

TensorFlow's tensors equal theirs bit by bit. From the same pixels, numpy gives the same
to 2e-6. The decoders differ: TensorFlow's default is the fast DCT, Pillow's the accurate
one. Of the sample's 600 training drawings, which have hard edges, half differ by at most
0.21 somewhere, all by at most 0.38, and by at most 0.65 in the outermost pixels, since
TensorFlow decodes only the square.

Augmentation: one random crop of 8 to 100 % of the area and an aspect of 3/4 to 4/3 (ten
attempts, else the central square), resized in the same way, flipped half of the time,
and normalised in the same way.
"""

import math
from typing import Any

import numpy as np

SIZE = 224
# What a central square is of the shorter side: 224 of 256.
_SQUARE = 224 / 256

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

_ATTEMPTS = 10
_AREA = (0.08, 1.0)
_ASPECT = (3 / 4, 4 / 3)


def central_square(height: int, width: int) -> tuple[int, int, int]:
    """Returns top, left and side of the square that evaluation looks at, in pixels."""
    side = int(_SQUARE * min(height, width))
    return (height - side + 1) // 2, (width - side + 1) // 2, side


def _positions(length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the two pixels that each output pixel lies between, and how far along."""
    scale = np.float32(length / SIZE)
    places = np.arange(SIZE, dtype=np.float32) * scale
    floors = np.floor(places)
    lower = floors.astype(np.int64)
    upper = np.minimum(np.ceil(places), length - 1).astype(np.int64)
    return lower, upper, (places - floors).astype(np.float32)


def resize_bilinear(pixels: np.ndarray) -> np.ndarray:
    """Resizes as ``tf.compat.v1.image.resize`` does, bilinearly.

    Args:
      pixels: float32, shape [height, width, channels].

    Returns:
      float32, shape [224, 224, channels].
    """
    top, bottom, down = _positions(pixels.shape[0])
    left, right, across = _positions(pixels.shape[1])
    down, across = down[:, None, None], across[None, :, None]
    upper, lower = pixels[top], pixels[bottom]
    first = upper[:, left] + (upper[:, right] - upper[:, left]) * across
    second = lower[:, left] + (lower[:, right] - lower[:, left]) * across
    resized: np.ndarray = first + (second - first) * down
    return resized


def evaluation_array(pixels: np.ndarray) -> np.ndarray:
    """Preprocesses an image for evaluation, with numpy alone.

    Args:
      pixels: uint8, shape [height, width, 3].

    Returns:
      float32, shape [224, 224, 3].
    """
    top, left, side = central_square(*pixels.shape[:2])
    return normalised_square(pixels[top : top + side, left : left + side])


def normalised_square(square: np.ndarray) -> np.ndarray:
    """Resizes and normalises the central square of an image, with numpy alone.

    Args:
      square: uint8, shape [side, side, 3].

    Returns:
      float32, shape [224, 224, 3].
    """
    resized = resize_bilinear(square.astype(np.float32) * np.float32(1 / 255))
    mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)
    normalised: np.ndarray = (resized - mean) / std
    return normalised


def _normalise(tf: Any, image: Any) -> Any:
    resized = tf.compat.v1.image.resize(image[None], [SIZE, SIZE])[0]
    return (resized - tf.constant(MEAN)) / tf.constant(STD)


def evaluation_tensor(tf: Any, encoded: Any) -> Any:
    """Preprocesses an image for evaluation, in a ``tf.data`` graph.

    Decoding only the square, as the paper's loader does, gives slightly other pixels at
    its edges than decoding the whole image.

    Args:
      tf: TensorFlow.
      encoded: string tensor, a JPEG.

    Returns:
      float32 tensor, shape [224, 224, 3].
    """
    shape = tf.image.extract_jpeg_shape(encoded)
    window = _central_window(tf, shape[0], shape[1])
    square = tf.image.decode_and_crop_jpeg(encoded, window, channels=3)
    return _normalise(tf, tf.image.convert_image_dtype(square, tf.float32))


def _central_window(tf: Any, height: Any, width: Any) -> Any:
    """Returns top, left, height and width of the square that evaluation looks at."""
    shorter = tf.cast(tf.minimum(height, width), tf.float32)
    side = tf.cast(_SQUARE * shorter, tf.int32)
    return tf.stack([(height - side + 1) // 2, (width - side + 1) // 2, side, side])


def augmented_tensor(tf: Any, pixels: Any, seed: Any) -> Any:
    """Preprocesses an image for training, in a ``tf.data`` graph.

    Args:
      tf: TensorFlow.
      pixels: uint8 tensor, shape [height, width, 3].
      seed: int64 tensor, shape [2]: the same seed gives the same crop and flip.

    Returns:
      float32 tensor, shape [224, 224, 3].
    """
    image = tf.image.convert_image_dtype(pixels, tf.float32)
    shape = tf.shape(image)
    height, width = shape[0], shape[1]
    draws = tf.random.stateless_uniform([4, _ATTEMPTS + 1], seed)
    area = draws[0] * (_AREA[1] - _AREA[0]) + _AREA[0]
    area *= tf.cast(height, tf.float32) * tf.cast(width, tf.float32)
    low, high = math.log(_ASPECT[0]), math.log(_ASPECT[1])
    aspect = tf.exp(draws[1] * (high - low) + low)
    widths = tf.cast(tf.round(tf.sqrt(area * aspect)), tf.int32)
    heights = tf.cast(tf.round(tf.sqrt(area / aspect)), tf.int32)
    fits = (widths >= 1) & (widths <= width) & (heights >= 1) & (heights <= height)
    attempt = tf.argmax(tf.cast(fits[:_ATTEMPTS], tf.int32))
    chosen_height, chosen_width = heights[attempt], widths[attempt]

    def place(draw: Any, room: Any) -> Any:
        return tf.minimum(tf.cast(draw * tf.cast(room + 1, tf.float32), tf.int32), room)

    top = place(draws[2, attempt], height - chosen_height)
    left = place(draws[3, attempt], width - chosen_width)
    box = tf.where(
        tf.reduce_any(fits[:_ATTEMPTS]),
        tf.stack([top, left, chosen_height, chosen_width]),
        _central_window(tf, height, width),
    )
    crop = image[box[0] : box[0] + box[2], box[1] : box[1] + box[3]]
    result = _normalise(tf, crop)
    return tf.where(draws[2, _ATTEMPTS] < 0.5, result[:, ::-1], result)
