"""What users may give as indices or positions, as integers."""

import operator
from typing import Any

import numpy as np

SUBSET_HINT = 'a boolean mask goes to ds.subset(mask)'
_NAME_HINT = 'ds.find(name) gives the index of a file name'


def as_integers(key: Any, what: str) -> np.ndarray:
    """Returns a sequence of integers as int64.

    Args:
      key: what a user gave.
      what: its name in messages, plural.

    Raises:
      TypeError: it holds something else.
    """
    if isinstance(key, str | bytes):
        raise TypeError(f'{what} are {key!r} (expected integers); {_NAME_HINT}')
    array = np.asarray(key)
    if array.dtype == bool:
        raise TypeError(f'{what} are booleans (expected integers); {SUBSET_HINT}')
    if not array.ndim:
        raise TypeError(f'{what} are {key!r} (expected an integer, or several)')
    if array.ndim != 1:
        raise TypeError(f'{what} have {array.ndim} dimensions (expected one)')
    if not array.size:
        return np.empty(0, np.int64)
    if array.dtype.kind == 'O' and all(hasattr(item, '__index__') for item in array):
        array = np.array([operator.index(item) for item in array])
    if are_names(array):
        raise TypeError(f'{what} are names (expected integers); {_NAME_HINT}')
    if array.dtype.kind not in 'iu':
        raise TypeError(f'{what} have dtype {array.dtype} (expected integers)')
    return array.astype(np.int64)


def are_names(array: np.ndarray) -> bool:
    """Returns whether an array holds text or bytes, of any kind."""
    if array.dtype.kind == 'O':
        return all(isinstance(item, (str, bytes)) for item in array.flat)
    return array.dtype.kind in 'UST'


def slice_range(key: slice, length: int) -> range:
    """Returns the numbers of a slice of what has a length.

    Raises:
      IndexError: a bound is negative.
    """
    for name in ('start', 'stop'):
        bound = getattr(key, name)
        if bound is not None and operator.index(bound) < 0:
            raise IndexError(
                f'slice {name} is {bound} (expected at least 0: an index is a name, and '
                'negative numbers do not count from the end)'
            )
    return range(*key.indices(length))
