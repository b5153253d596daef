"""Shapes as signed distances, from which drawings are composed.

A shape is a function of coordinates that returns the distance to the shape's edge:
negative inside, positive outside. Coordinates are float32 arrays in units of a drawing's
radius, x to the right and y down, so a drawing is within about [-1, 1]. Distances only
have to be right near an edge, where they smooth it.
"""

import math
from collections.abc import Callable

import numpy as np

Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]
Point = tuple[float, float]


def ellipse(
    half_width: float, half_height: float, x: float = 0, y: float = 0, angle: float = 0
) -> Shape:
    """Returns an ellipse around (x, y), turned clockwise by an angle in radians."""
    cos, sin = math.cos(angle), math.sin(angle)

    def distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        right, down = u - x, v - y
        along = (cos * right + sin * down) / half_width
        across = (cos * down - sin * right) / half_height
        result: np.ndarray = np.sqrt(along**2 + across**2) - 1
        return result * min(half_width, half_height)

    return distance


def disc(radius: float, x: float = 0, y: float = 0) -> Shape:
    """Returns a disc around (x, y)."""
    return ellipse(radius, radius, x, y)


def convex(*points: Point) -> Shape:
    """Returns a convex polygon, its points clockwise on the screen."""
    sides = []
    for (x, y), (next_x, next_y) in zip(points, points[1:] + points[:1], strict=True):
        length = math.hypot(next_x - x, next_y - y)
        across, down = (next_y - y) / length, (x - next_x) / length
        sides.append((across, down, across * x + down * y))

    def distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        across, down, at_edge = sides[0]
        result = across * u + down * v - at_edge
        for across, down, at_edge in sides[1:]:
            np.maximum(result, across * u + down * v - at_edge, out=result)
        return result

    return distance


def box(half_width: float, half_height: float, x: float = 0, y: float = 0) -> Shape:
    """Returns a rectangle around (x, y)."""
    left, right, top, bottom = (
        x - half_width,
        x + half_width,
        y - half_height,
        y + half_height,
    )
    return convex((left, top), (right, top), (right, bottom), (left, bottom))


def line(start: Point, end: Point, radius: float) -> Shape:
    """Returns a line with round ends, twice as thick as its radius."""
    (x, y), (end_x, end_y) = start, end
    right, down = end_x - x, end_y - y
    squared = right**2 + down**2

    def distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        along = np.clip(((u - x) * right + (v - y) * down) / squared, 0, 1)
        result: np.ndarray = np.hypot(u - x - along * right, v - y - along * down)
        return result - radius

    return distance


def wave(x: float, top: float, bottom: float, radius: float) -> Shape:
    """Returns a wavy line from top to bottom, ``2 * radius`` thick."""

    def distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        result = np.abs(u - x - 0.07 * np.sin(9 * v + 5 * x)) - radius
        return np.maximum(result, np.maximum(top - v, v - bottom))

    return distance


def star(
    points: int, inner: float, outer: float = 1, x: float = 0, y: float = 0
) -> Shape:
    """Returns a star around (x, y), one point up.

    Args:
      points: number of its points.
      inner: distance of the corners between two points from the centre.
      outer: distance of the points from the centre.
      x, y: the centre.
    """
    step = math.pi / points
    corner_x, corner_y = inner * math.cos(step), inner * math.sin(step)
    length = math.hypot(corner_x - outer, corner_y)
    normal_x, normal_y = corner_y / length, (outer - corner_x) / length

    def distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        radius, angle = np.hypot(u - x, v - y), np.arctan2(u - x, y - v)
        angle = np.abs((angle + step) % (2 * step) - step)
        result: np.ndarray = radius * (
            normal_x * np.cos(angle) + normal_y * np.sin(angle)
        )
        return result - normal_x * outer

    return distance


def polygon(sides: int, radius: float = 1, x: float = 0, y: float = 0) -> Shape:
    """Returns a regular polygon around (x, y), one corner up."""
    return star(sides, radius * math.cos(math.pi / sides), radius, x, y)


def flower(petals: int, x: float = 0, y: float = 0) -> Shape:
    """Returns a flower of radius 1 around (x, y), its petals drop-shaped."""
    step = math.pi / petals

    def distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        radius, angle = np.hypot(u - x, v - y), np.arctan2(u - x, y - v)
        angle = np.abs((angle + step) % (2 * step) - step)
        along, across = radius * np.cos(angle) - 0.55, radius * np.sin(angle)
        width = max(0.08, 0.75 * step)
        result: np.ndarray = np.sqrt((along / 0.45) ** 2 + (across / width) ** 2) - 1
        return result * width

    return distance


def union(*shapes: Shape) -> Shape:
    """Returns what is in any of the shapes."""

    def distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        result = shapes[0](u, v)
        for shape in shapes[1:]:
            np.minimum(result, shape(u, v), out=result)
        return result

    return distance


def overlap(first: Shape, second: Shape) -> Shape:
    """Returns what is in both shapes."""
    return lambda u, v: np.maximum(first(u, v), second(u, v))


def cut(shape: Shape, hole: Shape) -> Shape:
    """Returns a shape without what is in the hole."""
    return lambda u, v: np.maximum(shape(u, v), -hole(u, v))


def outline(shape: Shape, radius: float) -> Shape:
    """Returns a line along a shape's edge, ``2 * radius`` thick."""
    return lambda u, v: np.abs(shape(u, v)) - radius


def both_sides(shape: Shape) -> Shape:
    """Returns a shape and its mirror image, left and right exchanged."""
    return lambda u, v: np.minimum(shape(u, v), shape(-u, v))


def around(shape: Shape, times: int) -> Shape:
    """Returns copies of a shape at equal angles around the centre.

    Args:
      shape: the copy above the centre, within the angle that is its own.
      times: how many copies.
    """
    step = math.pi / times

    def distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        radius = np.hypot(u, v)
        angle = (np.arctan2(u, -v) + step) % (2 * step) - step
        return shape(radius * np.sin(angle), -radius * np.cos(angle))

    return distance
