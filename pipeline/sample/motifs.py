"""Finds the motif of each class: what its images show.

Some classes have a drawing of what their words say. All others have a shape, a pair of
colours and a pattern, each of them one of ten, so no two of the 1,000 classes have the
same three.
"""

import numpy as np

from indexed_imagenet.sample.drawings import DRAWINGS
from indexed_imagenet.sample.parts import Colour, Motif, Part, Pattern
from indexed_imagenet.sample.shapes import (
    Shape,
    box,
    convex,
    cut,
    disc,
    flower,
    overlap,
    star,
    union,
)

_SHAPES: tuple[Shape, ...] = (
    disc(0.95),
    box(0.78, 0.78),
    convex((0, -1), (0.95, 0.75), (-0.95, 0.75)),
    star(5, 0.42),
    union(box(0.32, 0.95), box(0.95, 0.32)),
    union(
        disc(0.5, -0.44, -0.35),
        disc(0.5, 0.44, -0.35),
        convex((-0.85, -0.05), (0, -0.5), (0.85, -0.05), (0, 0.95)),
    ),
    cut(disc(0.95), disc(0.75, 0.45, -0.1)),
    cut(disc(0.97), disc(0.5)),
    overlap(disc(0.95), box(1, 0.55, y=-0.2)),
    flower(6),
)

_COLOURS: tuple[tuple[Colour, Colour], ...] = (
    ((210, 35, 40), (255, 235, 225)),
    ((30, 85, 190), (250, 220, 70)),
    ((250, 205, 40), (60, 40, 30)),
    ((40, 145, 65), (225, 245, 150)),
    ((125, 55, 165), (255, 170, 60)),
    ((245, 125, 25), (40, 50, 110)),
    ((245, 240, 235), (20, 110, 130)),
    ((30, 30, 35), (240, 80, 130)),
    ((60, 190, 205), (130, 20, 40)),
    ((125, 75, 40), (130, 215, 120)),
)


def _zigzag(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.sin(10 * v + 5 * np.abs((2.2 * u) % 2 - 1))
    return result


def _lattice(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    rising, falling = 2 * (u + v) % 1, 2 * (u - v) % 1
    result: np.ndarray = np.minimum(np.abs(rising - 0.5), np.abs(falling - 0.5))
    return 0.08 - result


_PATTERNS: tuple[Pattern | None, ...] = (
    None,
    lambda u, v: np.sin(10 * v),
    lambda u, v: np.sin(10 * u),
    lambda u, v: np.sin(9 * u) * np.sin(9 * v) - 0.35,
    lambda u, v: np.sin(7 * u) * np.sin(7 * v),
    lambda u, v: np.sin(14 * np.hypot(u, v)),
    lambda u, v: np.sin(8 * np.arctan2(u, v)),
    _zigzag,
    lambda u, v: u - 0.1,
    _lattice,
)


def make_motif(synset: str, label: int) -> Motif:
    """Returns what the images of a class show.

    Args:
      synset: the synset of the class.
      label: its label, from 0 to 999.
    """
    if synset in DRAWINGS:
        return DRAWINGS[synset]
    # Neighbours differ in shape and colours, and no two labels have all three alike.
    ones, tens, hundreds = label % 10, label // 10 % 10, label // 100 % 10
    shape = _SHAPES[ones]
    colour, second_colour = _COLOURS[(tens + ones) % 10]
    pattern = _PATTERNS[(hundreds + tens) % 10]
    edge = tuple(channel // 3 for channel in colour)
    return (
        Part(lambda u, v: shape(u, v) - 0.05, (edge[0], edge[1], edge[2])),
        Part(shape, colour, pattern, second_colour),
    )
