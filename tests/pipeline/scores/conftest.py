"""Data sets to read: complete, incomplete, and as the authors' own builder made it."""

from support.data_sets import (  # noqa: F401  # fixtures
    absent,
    built,
    foreign,
    incomplete,
    names,
    records,
)
