"""A dense view of some examples of a data set."""

import hashlib
import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from indexed_imagenet.readers.example import Example
from indexed_imagenet.readers.examples import Examples
from indexed_imagenet.readers.keys import SUBSET_HINT, as_integers, slice_range

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset


class Subset(Examples):
    """Some examples of a data set, in a given order: positions 0 … n−1.

    Attributes:
      indices: the published index at each position, int64.
    """

    def __init__(self, dataset: 'IndexedDataset', indices: np.ndarray):
        self._dataset = dataset
        self._indices = indices

    def __repr__(self) -> str:
        digest = hashlib.sha256(self._indices.astype('<i8').tobytes()).hexdigest()
        return f'Subset({len(self)} examples {digest[:16]} of {self._dataset!r})'

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[Example]:
        for index in self._indices.tolist():
            yield self._dataset._read_one(index)

    @overload
    def __getitem__(self, key: int) -> Example: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        """Returns the example at a position, or a list of examples.

        Args:
          key: a position, with ``__index__``; or a slice, a list or an integer array.

        Raises:
          IndexError: a position is negative, or outside the subset.
          CorruptRecordError: a record is damaged.
        """
        if isinstance(key, slice):
            return self.__getitems__(np.array(slice_range(key, len(self)), np.int64))
        if isinstance(key, bool | np.bool_):
            raise TypeError(f'the position is a boolean; {SUBSET_HINT}')
        if not getattr(key, 'ndim', 0) and hasattr(key, '__index__'):
            [index] = self._at(np.array([operator.index(key)]))
            return self._dataset._read_one(int(index))
        return self.__getitems__(key)

    def __getitems__(self, positions: Any) -> list[Example]:
        """Returns the examples at several positions; PyTorch fetches batches by it."""
        return self._read(self._at(as_integers(positions, 'positions')))

    _getitems = __getitems__  # Grain's name for it

    def _at(self, positions: np.ndarray) -> np.ndarray:
        outside = (positions < 0) | (positions >= len(self))
        if outside.any():
            raise IndexError(
                f'position {int(positions[outside][0])} is outside the subset (expected '
                f'0 to {len(self) - 1:,})'
            )
        at: np.ndarray = self._indices[positions]
        return at

    @property
    def dataset(self) -> 'IndexedDataset':
        return self._dataset

    @property
    def indices(self) -> np.ndarray:
        return self._indices

    @property
    def labels(self) -> np.ndarray:
        """The label at each position, int64."""
        labels: np.ndarray = self._dataset.labels[self._indices]
        return labels

    @property
    def filenames(self) -> np.ndarray:
        """The file name at each position, dtype U."""
        filenames: np.ndarray = self._dataset.filenames[self._indices]
        return filenames

    @property
    def synsets(self) -> np.ndarray:
        """The synset at each position, dtype U."""
        synsets: np.ndarray = self._dataset.synsets[self._indices]
        return synsets

    def dense_indices(self) -> np.ndarray:
        return self._indices

    def _indices_of_mask(self, mask: np.ndarray) -> np.ndarray:
        if mask.shape != (len(self),):
            raise IndexError(f'the mask has shape {mask.shape} (expected ({len(self)},))')
        chosen: np.ndarray = self._indices[mask]
        return chosen

    def _check_chosen(self, indices: np.ndarray) -> None:
        self._dataset._source.check_present(indices)
        absent = ~np.isin(indices, self._indices)
        if absent.any():
            raise self._dataset._source.missing(int(indices[absent][0]))
