"""Drawings of some classes, by synset.

Each is a list of parts, from back to front.
"""

import numpy as np

from indexed_imagenet.sample.parts import Motif, Part
from indexed_imagenet.sample.shapes import (
    around,
    both_sides,
    box,
    convex,
    cut,
    disc,
    ellipse,
    flower,
    line,
    outline,
    overlap,
    polygon,
    star,
    union,
    wave,
)

_BLACK, _WHITE, _CREAM = (25, 25, 30), (245, 245, 240), (240, 225, 190)
_RED, _YELLOW, _GREEN = (205, 30, 35), (250, 210, 45), (60, 140, 50)
_BROWN, _WOOD = (110, 65, 35), (140, 85, 45)


def _stripes(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.sin(9 * v)
    return result


def _segments(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.sin(8 * np.arctan2(u, 1.2 - v))
    return result


def _gores(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    width = np.sqrt(np.maximum(0.05, 1 - ((v + 0.25) / 0.8) ** 2))
    result: np.ndarray = np.sin(6 * u / width)
    return result


def _dots(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.sin(14 * u) * np.sin(14 * v) - 0.45
    return result


def _wrinkles(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    result: np.ndarray = (
        np.sin(16 * u + 3 * np.sin(9 * v)) * np.sin(13 * v + 3 * np.sin(8 * u)) - 0.1
    )
    return result


_SHEEPDOG = (
    Part(ellipse(0.95, 0.62, y=0.5), _WHITE),
    Part(both_sides(convex((-0.85, -1), (-0.2, -0.55), (-0.72, -0.1))), (95, 55, 30)),
    Part(ellipse(0.74, 0.7), (190, 120, 60)),
    Part(ellipse(0.15, 0.62, y=-0.08), _WHITE),
    Part(ellipse(0.38, 0.32, y=0.4), _WHITE),
    Part(ellipse(0.12, 0.17, y=0.68), (230, 120, 130)),
    Part(ellipse(0.16, 0.11, y=0.24), _BLACK),
    Part(both_sides(disc(0.11, x=0.33, y=-0.12)), _BLACK),
    Part(both_sides(disc(0.03, x=0.36, y=-0.16)), _WHITE),
)
_HOURGLASS = (
    Part(both_sides(line((0.55, -0.9), (0.55, 0.9), 0.06)), _WOOD),
    Part(
        union(
            convex((-0.48, -0.8), (0.48, -0.8), (0.05, 0.02), (-0.05, 0.02)),
            convex((-0.05, -0.02), (0.05, -0.02), (0.48, 0.8), (-0.48, 0.8)),
        ),
        (190, 220, 230),
    ),
    Part(
        union(
            convex((-0.25, -0.42), (0.25, -0.42), (0.02, 0), (-0.02, 0)),
            convex((0, 0.25), (0.42, 0.8), (-0.42, 0.8)),
            line((0, -0.1), (0, 0.5), 0.025),
        ),
        (225, 180, 90),
    ),
    Part(union(box(0.7, 0.1, y=-0.88), box(0.7, 0.1, y=0.88)), _BROWN),
)
_LEMON = (
    Part(ellipse(0.38, 0.14, x=0.5, y=-0.68, angle=-0.5), _GREEN),
    Part(
        union(
            ellipse(0.85, 0.62), ellipse(0.25, 0.15, x=0.85), ellipse(0.25, 0.15, x=-0.85)
        ),
        _YELLOW,
    ),
    Part(ellipse(0.3, 0.1, x=-0.3, y=-0.33, angle=-0.3), (255, 245, 190)),
)
_STRAWBERRY = (
    Part(
        union(
            ellipse(0.76, 0.5, y=-0.25),
            convex((-0.75, -0.2), (0.75, -0.2), (0.15, 0.9), (-0.15, 0.9)),
            disc(0.18, y=0.83),
        ),
        _RED,
        _dots,
        (250, 215, 120),
    ),
    Part(star(7, 0.22, 0.6, y=-0.7), _GREEN),
    Part(line((0, -0.7), (0.12, -1), 0.05), (40, 100, 40)),
)
_GOLDFISH = (
    Part(convex((-0.35, -0.3), (0.0, -0.72), (0.2, -0.2)), (220, 90, 10)),
    Part(
        union(
            convex((0.35, 0), (1, -0.6), (0.85, 0)),
            convex((0.35, 0), (0.85, 0), (1, 0.6)),
        ),
        (235, 100, 15),
    ),
    Part(ellipse(0.66, 0.43, x=-0.2), (255, 135, 25)),
    Part(ellipse(0.45, 0.14, x=-0.2, y=0.24), (255, 200, 110)),
    Part(convex((-0.2, 0), (0.15, 0.25), (-0.02, 0.05)), (220, 90, 10)),
    Part(disc(0.12, x=-0.6, y=-0.08), _WHITE),
    Part(disc(0.07, x=-0.62, y=-0.08), _BLACK),
)
_LADYBUG = (
    Part(
        both_sides(
            union(
                line((0.5, -0.4), (0.98, -0.65), 0.05),
                line((0.5, 0.05), (1, 0.05), 0.05),
                line((0.5, 0.4), (0.95, 0.75), 0.05),
                line((0.1, -0.8), (0.35, -1.05), 0.04),
            )
        ),
        _BLACK,
    ),
    Part(ellipse(0.42, 0.3, y=-0.68), _BLACK),
    Part(ellipse(0.76, 0.8, y=0.1), (215, 35, 25)),
    Part(line((0, -0.65), (0, 0.88), 0.035), _BLACK),
    Part(
        both_sides(
            union(disc(0.16, 0.32, -0.25), disc(0.17, 0.42, 0.2), disc(0.13, 0.22, 0.58))
        ),
        _BLACK,
    ),
    Part(both_sides(disc(0.08, x=0.22, y=-0.78)), _WHITE),
)
_STARFISH = (
    Part(star(5, 0.38), (150, 60, 120)),
    Part(star(5, 0.28, 0.84), (205, 95, 160), _dots, (250, 200, 220)),
)
_JELLYFISH = (
    Part(
        union(*(wave(x, -0.1, 0.95 - abs(x), 0.05) for x in (-0.5, -0.25, 0, 0.25, 0.5))),
        (150, 190, 245),
    ),
    Part(
        overlap(ellipse(0.8, 0.8, y=0.0), box(1, 0.5, y=-0.5)),
        (120, 130, 235),
        _segments,
        (165, 165, 250),
    ),
    Part(union(*(disc(0.14, x / 10, 0) for x in (-6, -3, 0, 3, 6))), (190, 200, 255)),
    Part(ellipse(0.2, 0.1, x=-0.3, y=-0.5, angle=-0.6), (220, 225, 255)),
)
_DAISY = (
    Part(flower(13), _WHITE),
    Part(disc(0.32), (245, 185, 30), _dots, (205, 140, 20)),
)
_UMBRELLA = (
    Part(line((0, -0.9), (0, 0.75), 0.045), _WOOD),
    Part(overlap(outline(disc(0.16, x=0.16, y=0.75), 0.05), box(1, 0.3, y=1.05)), _WOOD),
    Part(
        cut(
            overlap(ellipse(1, 0.85), box(1.1, 0.6, y=-0.5)),
            union(*(disc(0.26, x / 2, 0.14) for x in (-1.5, -0.5, 0.5, 1.5))),
        ),
        (30, 90, 190),
        _segments,
        (235, 235, 245),
    ),
    Part(line((0, -0.85), (0, -0.98), 0.04), _WOOD),
)
_SOCCER_BALL = (
    Part(disc(1), _BLACK),
    Part(disc(0.95), _WHITE),
    Part(around(line((0, -0.3), (0, -0.7), 0.025), 5), _BLACK),
    Part(
        overlap(
            disc(0.95), union(polygon(5, 0.34), around(polygon(6, 0.28, y=-0.88), 5))
        ),
        _BLACK,
    ),
)
_TRAFFIC_LIGHT = (
    Part(box(0.1, 0.3, y=1), (90, 90, 95)),
    Part(box(0.42, 0.95), (45, 50, 45)),
    Part(outline(box(0.38, 0.91), 0.025), (230, 190, 40)),
    Part(disc(0.24, y=-0.6), (255, 45, 35)),
    Part(disc(0.24), (255, 190, 30)),
    Part(disc(0.24, y=0.6), (50, 220, 90)),
)
_BALLOON = (
    Part(both_sides(line((0.3, 0.35), (0.14, 0.8), 0.02)), _BROWN),
    Part(
        union(
            disc(0.76, y=-0.24),
            convex((-0.66, 0.1), (0.66, 0.1), (0.2, 0.6), (-0.2, 0.6)),
        ),
        (225, 50, 60),
        _gores,
        (250, 205, 60),
    ),
    Part(box(0.19, 0.14, y=0.88), _WOOD),
)
_CANDLE = (
    Part(ellipse(0.62, 0.16, y=0.88), (120, 95, 60)),
    Part(box(0.26, 0.58, y=0.3), (240, 235, 215)),
    Part(ellipse(0.26, 0.08, y=-0.28), (255, 250, 235)),
    Part(line((0.2, -0.2), (0.2, 0.1), 0.06), (255, 250, 235)),
    Part(
        union(
            ellipse(0.19, 0.27, y=-0.57), convex((0, -1.05), (0.15, -0.7), (-0.15, -0.7))
        ),
        (255, 150, 30),
    ),
    Part(ellipse(0.1, 0.18, y=-0.52), (255, 240, 150)),
    Part(line((0, -0.28), (0, -0.45), 0.025), _BLACK),
)
_GYROMITRA = (
    Part(convex((-0.22, 0), (0.22, 0), (0.32, 0.95), (-0.32, 0.95)), (225, 205, 170)),
    Part(
        union(disc(0.45, -0.4, -0.2), disc(0.5, 0.1, -0.42), disc(0.42, 0.45, -0.12)),
        (125, 50, 30),
        _wrinkles,
        (75, 25, 20),
    ),
)
_SUNGLASSES = (
    Part(both_sides(line((0.85, -0.15), (1, -0.38), 0.05)), _BLACK),
    Part(outline(ellipse(0.16, 0.14, y=-0.05), 0.04), _BLACK),
    Part(both_sides(ellipse(0.45, 0.38, x=0.5)), _BLACK),
    Part(both_sides(ellipse(0.36, 0.29, x=0.5)), (60, 75, 100)),
    Part(
        union(
            line((-0.65, 0.05), (-0.4, -0.17), 0.05),
            line((0.35, 0.05), (0.6, -0.17), 0.05),
        ),
        (190, 205, 225),
    ),
)
_BOW_TIE = (
    Part(
        both_sides(convex((0.1, -0.12), (1, -0.6), (1, 0.6), (0.1, 0.12))),
        (20, 120, 110),
        _dots,
        (240, 240, 220),
    ),
    Part(box(0.2, 0.24), (15, 85, 80)),
)
_PIZZA = (
    Part(disc(1), (190, 125, 60)),
    Part(disc(0.86), (245, 200, 90), _wrinkles, (235, 170, 70)),
    Part(around(disc(0.2, y=-0.56), 6), (185, 45, 35)),
    Part(disc(0.19), (185, 45, 35)),
    Part(around(ellipse(0.1, 0.04, 0.1, -0.33), 5), (70, 130, 50)),
)
_BEACON = (
    Part(ellipse(0.7, 0.14, y=0.93), (100, 100, 100)),
    Part(
        convex((-0.18, -0.45), (0.18, -0.45), (0.34, 0.95), (-0.34, 0.95)),
        _WHITE,
        _stripes,
        (200, 40, 40),
    ),
    Part(box(0.3, 0.05, y=-0.47), (50, 50, 60)),
    Part(box(0.15, 0.17, y=-0.66), (255, 235, 120)),
    Part(convex((0, -1.05), (0.24, -0.82), (-0.24, -0.82)), (170, 30, 30)),
    Part(
        both_sides(convex((0.2, -0.68), (1, -0.9), (1, -0.5), (0.2, -0.62))),
        (255, 245, 170),
    ),
)
_SCHOONER = (
    Part(line((-0.12, -0.95), (-0.12, 0.5), 0.035), _WOOD),
    Part(line((0.5, -0.55), (0.5, 0.5), 0.03), _WOOD),
    Part(convex((-0.17, -0.85), (-0.17, 0.35), (-0.9, 0.35)), _CREAM),
    Part(convex((-0.07, -0.8), (0.4, 0.35), (-0.07, 0.35)), (225, 210, 180)),
    Part(convex((0.55, -0.45), (0.98, 0.35), (0.55, 0.35)), _CREAM),
    Part(convex((-1, 0.45), (1.05, 0.45), (0.7, 0.88), (-0.75, 0.88)), (70, 45, 35)),
    Part(line((-0.9, 0.55), (0.9, 0.55), 0.03), _RED),
)

# The first two are the classes of the one PNG and of a CMYK image, see ``classes``.
DRAWINGS: dict[str, Motif] = {
    'n02105855': _SHEEPDOG,
    'n03544143': _HOURGLASS,
    'n07749582': _LEMON,
    'n02165456': _LADYBUG,
    'n04507155': _UMBRELLA,
    'n11939491': _DAISY,
    'n01443537': _GOLDFISH,
    'n06874185': _TRAFFIC_LIGHT,
    'n02317335': _STARFISH,
    'n02782093': _BALLOON,
    'n04254680': _SOCCER_BALL,
    'n07745940': _STRAWBERRY,
    'n01910747': _JELLYFISH,
    'n02814860': _BEACON,
    'n13037406': _GYROMITRA,
    'n04356056': _SUNGLASSES,
    'n07873807': _PIZZA,
    'n02948072': _CANDLE,
    'n02883205': _BOW_TIE,
    'n04147183': _SCHOONER,
}
