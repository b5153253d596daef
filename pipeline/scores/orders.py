"""The orders in which others count examples: the Rosetta stone to the published index.

| order | rule |
|---|---|
| published | the index itself |
| torchvision | by synset, then by name as text: ImageFolder, ImageNet, Keras, FFCV |
| timm | by synset, then by name in natural order (numbers as numbers) |
| filename | by name alone: the devkit's ground truth, ReaL, Caffe's val.txt |
| shards | the order of the records in the shards, by the seeded shuffle |
"""

import dataclasses
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset

ORDERS = ('published', 'torchvision', 'timm', 'filename', 'shards')

_DIGITS = re.compile(r'(\d+)')


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """A permutation of the index, both ways.

    Attributes:
      name: one of ``ORDERS``.
      index_at: the published index at each position, int64, shape [n].
      position_of: the position of each published index, int64, shape [n].
    """

    name: str
    index_at: np.ndarray
    position_of: np.ndarray

    def to_index(self, values: np.ndarray) -> np.ndarray:
        """Returns values that are in this order in the order of the index."""
        aligned: np.ndarray = np.asarray(values)[self.position_of]
        return aligned


def natural_key(name: str) -> list[str | int]:
    """Returns timm's sort key (``timm/utils/misc.py``): numbers compare as numbers."""
    return [int(part) if part.isdigit() else part for part in _DIGITS.split(name.lower())]


def make_order(dataset: 'IndexedDataset', name: str) -> Order:
    """Makes one of ``ORDERS`` for the whole index of a split.

    Raises:
      ValueError: there is no such order, or the data set has no manifest to tell the
        shuffle by.
    """
    if name not in ORDERS:
        raise ValueError(f'order is {name!r} (expected one of {", ".join(ORDERS)})')
    index_at = _index_at(dataset, name).astype(np.int64)
    position_of = np.empty(len(index_at), np.int64)
    position_of[index_at] = np.arange(len(index_at))
    return Order(name, index_at, position_of)


def _index_at(dataset: 'IndexedDataset', name: str) -> np.ndarray:
    length = len(dataset)
    if name == 'published':
        return np.arange(length)
    if name == 'shards':
        if dataset.manifest is None:
            raise ValueError('the order of the shards needs a manifest, which is missing')
        ranks = dataset.manifest.build_id.shuffle.ranks(np.arange(length))
        return np.argsort(ranks, kind='stable')
    names = dataset.filenames
    if name == 'filename':
        return np.argsort(names, kind='stable')
    if name == 'torchvision':
        return np.lexsort((names, dataset.synsets))
    keys = [natural_key(text) for text in names.tolist()]
    by_name = sorted(range(length), key=keys.__getitem__)
    rank = np.empty(length, np.int64)
    rank[by_name] = np.arange(length)
    return np.lexsort((rank, dataset.synsets))


def class_share(values: np.ndarray, labels: np.ndarray) -> float:
    """Returns the share of the values' variance that is between classes, 0 to 1.

    In a wrong order it is that of chance, (classes − 1) / (n − 1).

    Args:
      values: float, shape [n] or [n, columns]; rows with NaN are left out.
      labels: int, shape [n].
    """
    table = values.reshape(len(values), -1)
    known = np.isfinite(table).all(axis=1)
    table, labels = table[known], labels[known]
    count = np.bincount(labels)
    between = total = 0.0
    for column in table.T:
        sums = np.bincount(labels, weights=column)
        means = sums[count > 0] / count[count > 0]
        between += (count[count > 0] * (means - column.mean()) ** 2).sum()
        total += len(column) * column.var()
    return float(between / total) if total else 0.0


def chance_share(num_values: int, num_classes: int) -> tuple[float, float]:
    """Returns mean and standard deviation of ``class_share`` in a random order.

    Of normal values it is Beta((k − 1)/2, (n − k)/2).
    """
    n, k = num_values, num_classes
    if n <= k or k < 2:
        return 1.0, 0.0
    mean = (k - 1) / (n - 1)
    variance = 2 * (k - 1) * (n - k) / ((n - 1) ** 2 * (n + 1))
    return mean, variance**0.5
