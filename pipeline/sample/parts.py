"""What motifs are made of: coloured parts."""

import dataclasses
from collections.abc import Callable

import numpy as np

from indexed_imagenet.sample.shapes import Shape

Colour = tuple[int, int, int]

# Returns where a part has its second colour: where the value is positive.
Pattern = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A coloured shape.

    Attributes:
      shape: where it is, in units of the motif's radius.
      colour: RGB from 0 to 255.
      pattern: where it has its second colour instead; None: nowhere.
      second_colour: RGB from 0 to 255.
    """

    shape: Shape
    colour: Colour
    pattern: Pattern | None = None
    second_colour: Colour = (0, 0, 0)


# Parts from back to front, within about 1 of (0, 0).
Motif = tuple[Part, ...]
