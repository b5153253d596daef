"""Makes pictures of motifs: pose, background, light and grain, from a seed.

Nothing is downloaded and no photograph is shipped. Sizes are those of photographs in
ImageNet, and the grain makes a picture compress about as well as one.
"""

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from indexed_imagenet.sample.parts import Motif
from indexed_imagenet.sample.shapes import Shape
from indexed_imagenet.transforms.images.tf_codec import tensorflow

# Common sizes of ImageNet images: width and height in pixels.
_SIZES = ((500, 375), (500, 333), (375, 500), (500, 500), (640, 480), (400, 300))

# Width and height of the noise that pictures are cut from, and the strength of grain.
_NOISE_SIZE, _GRAIN = 1024, 11

# How hard examples differ from others of their class.
_DIFFICULTIES = ('small', 'occluded', 'turned', 'faint')

# Rows and columns.
Area = tuple[slice, slice]


@dataclasses.dataclass(frozen=True, slots=True)
class _Pose:
    """Where a motif is, in pixels, and its angle in radians."""

    x: float
    y: float
    radius: float
    angle: float
    flip: bool


def _make_noise(random: Any, cells: int) -> np.ndarray:
    """Returns blurred noise: float32, mean 0, shape [3, _NOISE_SIZE, _NOISE_SIZE]."""
    coarse = random.standard_normal((3, cells, cells, 1)).astype(np.float32)
    size = (_NOISE_SIZE, _NOISE_SIZE)
    noise: np.ndarray = tensorflow().image.resize(coarse, size).numpy()[..., 0]
    return noise


@functools.cache
def _patches() -> np.ndarray:
    """Returns the large patches of which each background has a part."""
    random = np.random.RandomState(0)
    patches: np.ndarray = np.float32(0.7) * _make_noise(random, 30)
    patches += _make_noise(random, 8)
    return patches


@functools.cache
def _grain() -> np.ndarray:
    """Returns the fine noise of which each picture has a part."""
    random = np.random.RandomState(1)
    grey = random.standard_normal((_NOISE_SIZE, _NOISE_SIZE)).astype(np.float32)
    grain: np.ndarray = np.float32(0.55) * np.stack([grey] * 3)
    for cells in (100, 300, 600):
        grain += np.float32(0.7) * _make_noise(random, cells)
    return grain


def _add_noise(
    pixels: np.ndarray, noise: np.ndarray, strengths: np.ndarray, random: Any
) -> None:
    """Adds a random part of some noise, with a strength for each channel."""
    height, width = pixels.shape[1:]
    top, left = random.randint(_NOISE_SIZE - height), random.randint(_NOISE_SIZE - width)
    part = noise[:, top : top + height, left : left + width]
    for plane, noise_plane, strength in zip(pixels, part, strengths, strict=True):
        plane += strength * noise_plane


def _muted_colour(random: Any) -> np.ndarray:
    """Returns a colour of low saturation: float32, shape [3, 1, 1]."""
    grey = random.uniform(70, 190)
    colour: np.ndarray = grey + random.uniform(-38, 38, (3, 1, 1))
    return colour.astype(np.float32)


def _make_background(random: Any, height: int, width: int) -> np.ndarray:
    """Returns ground and sky, or a wall, with large blurred patches."""
    pixels = np.empty((3, height, width), np.float32)
    pixels[:] = _muted_colour(random)
    if random.uniform() < 0.5:
        pixels[:, int(height * random.uniform(0.45, 0.8)) :] = _muted_colour(random)
    strengths = random.uniform(-20, 20, 3).astype(np.float32)
    _add_noise(pixels, _patches(), strengths, random)
    return pixels


def _choose_pose(random: Any, height: int, width: int, difficulty: str) -> _Pose:
    side = min(height, width)
    radius = side * random.uniform(0.27, 0.44)
    angle = random.normal(0, 0.15)
    if difficulty == 'small':
        radius = side * random.uniform(0.06, 0.1)
    if difficulty == 'turned':
        angle = random.uniform(0.6, 1.4) * math.pi
    slack_x, slack_y = max(0, width / 2 - radius), max(0, height / 2 - radius)
    return _Pose(
        x=width / 2 + 0.8 * slack_x * random.uniform(-1, 1),
        y=height / 2 + 0.8 * slack_y * random.uniform(-1, 1),
        radius=radius,
        angle=angle,
        flip=random.uniform() < 0.5,
    )


def _bounds(shape: Shape, u: np.ndarray, v: np.ndarray, radius: float) -> Area:
    """Returns rows and columns outside which there is nothing of a shape.

    It looks at a part of the pixels only: no shape reaches farther from a pixel than
    its distance there, a wavy one a little.
    """
    step, margin = 8, 16 / radius
    near = shape(u[::step, ::step], v[::step, ::step]) < margin
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not len(rows):
        return slice(0), slice(0)
    return (
        slice(step * rows[0], step * rows[-1] + step),
        slice(step * columns[0], step * columns[-1] + step),
    )


def _draw(
    pixels: np.ndarray, motif: Motif, pose: _Pose, random: Any, opacity: float
) -> None:
    """Draws a motif into a picture, with a shadow to its lower right."""
    height, width = pixels.shape[1:]
    reach = 1.2 * pose.radius
    left, right = max(0, int(pose.x - reach)), min(width, int(pose.x + reach))
    top, bottom = max(0, int(pose.y - reach)), min(height, int(pose.y + reach))
    area = pixels[:, top:bottom, left:right]
    x = (np.arange(left, right, dtype=np.float32) - pose.x)[np.newaxis]
    y = (np.arange(top, bottom, dtype=np.float32) - pose.y)[:, np.newaxis]
    cos, sin = math.cos(pose.angle) / pose.radius, math.sin(pose.angle) / pose.radius
    u = (cos * x + sin * y).astype(np.float32)
    v = (cos * y - sin * x).astype(np.float32)
    if pose.flip:
        u = -u
    shading = np.asarray(1.04 - 0.16 * (x + y) / pose.radius, np.float32)
    tint = 1 + random.uniform(-0.09, 0.09, 3)
    shift = max(2, int(0.05 * pose.radius))
    for number, part in enumerate(motif):
        box = _bounds(part.shape, u, v, pose.radius)
        distance = part.shape(u[box], v[box])
        cover = np.float32(opacity) * np.clip(0.5 - pose.radius * distance, 0, 1)
        if number == 0:
            shadow = area[:, shift:, shift:][:, *box]
            height, width = shadow.shape[1:]
            shadow *= 1 - np.float32(0.35) * cover[:height, :width]
        is_second = None
        if part.pattern is not None:
            is_second = part.pattern(u[box], v[box]) > 0
        light = shading[box]
        for channel, plane in enumerate(area[:, *box]):
            paint: Any = np.float32(part.colour[channel] * tint[channel])
            if is_second is not None:
                second = np.float32(part.second_colour[channel] * tint[channel])
                paint = np.where(is_second, second, paint)
            plane += cover * (paint * light - plane)


def _occlude(pixels: np.ndarray, pose: _Pose, random: Any) -> None:
    """Covers a part of the motif with something in front of it."""
    height, width = pixels.shape[1:]
    x = (np.arange(width, dtype=np.float32) - pose.x)[np.newaxis]
    y = (np.arange(height, dtype=np.float32) - pose.y)[:, np.newaxis]
    angle = random.uniform(0, 2 * math.pi)
    along = math.cos(angle) * x + math.sin(angle) * y
    cover = np.clip(along + 0.1 * pose.radius, 0, 1).astype(np.float32)
    pixels += cover * (np.float32(0.7) * _muted_colour(random) - pixels)


def _light(pixels: np.ndarray, random: Any) -> None:
    """Lights a picture from one side, in a slightly warm or cold light."""
    height, width = pixels.shape[1:]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, np.newaxis]
    colour = random.uniform(0.78, 1.12) * (1 + random.uniform(-0.05, 0.05, 3))
    across, down = random.uniform(-0.14, 0.14, 2).astype(np.float32)
    strength = 1 + across * x + down * y
    for plane, part in zip(pixels, colour.astype(np.float32), strict=True):
        plane *= part * strength


def make_scene(seed: int, motif: Motif, is_hard: bool = False) -> np.ndarray:
    """Returns a picture of a motif.

    Args:
      seed: what everything but the motif is drawn from.
      motif: what to show.
      is_hard: make the motif tiny, half hidden, turned over or faint.

    Returns:
      RGB, uint8, shape [height, width, 3].
    """
    random = np.random.RandomState(seed)
    width, height = _SIZES[random.randint(len(_SIZES))]
    difficulty = _DIFFICULTIES[random.randint(len(_DIFFICULTIES))] if is_hard else ''
    pixels = _make_background(random, height, width)
    pose = _choose_pose(random, height, width, difficulty)
    _draw(pixels, motif, pose, random, 0.35 if difficulty == 'faint' else 1)
    if difficulty == 'occluded':
        _occlude(pixels, pose, random)
    _light(pixels, random)
    strengths = np.full(3, _GRAIN * random.uniform(0.6, 1.4), np.float32)
    _add_noise(pixels, _grain(), strengths, random)
    np.clip(pixels, 0, 255, out=pixels)
    result = np.empty((height, width, 3), np.uint8)
    for channel, plane in enumerate(pixels):
        result[..., channel] = plane
    return result
