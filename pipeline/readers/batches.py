"""Reads many examples, a few at a time: memory does not grow with their number."""

from collections.abc import Iterator, Sequence

from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.readers.example import Example

# Records that are in memory at once.
_BATCH = 64


def read_batches(
    dataset: IndexedDataset, indices: Sequence[int]
) -> Iterator[list[Example]]:
    """Yields the examples of some indices, in order, in lists.

    Raises:
      IndexError, MissingExampleError, CorruptRecordError: an example cannot be read.
    """
    for start in range(0, len(indices), _BATCH):
        yield dataset[list(indices[start : start + _BATCH])]
