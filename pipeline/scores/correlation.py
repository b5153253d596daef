"""Rank correlation with the published memorization values: do two tables agree?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from indexed_imagenet.errors import DatasetError
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.layout import scores_path
from indexed_imagenet.transforms.formats.scores import read_scores

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset

# The published value that tables are compared with.
MEMORIZATION = 'tr_mem'

# Fewer pairs say nothing.
_MIN_PAIRS = 3


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Returns Spearman's rank correlation of two arrays; NaN if either is constant.

    Equal values share the mean of their ranks. Pairs with NaN are left out.

    >>> rank_correlation(np.array([1.0, 2, 2, 5]), np.array([10.0, 20, 20, 30]))
    1.0
    """
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < _MIN_PAIRS:
        return float('nan')
    ranks = [_ranks(values[known]) for values in (one, other)]
    first, second = (each - each.mean() for each in ranks)
    scale = np.sqrt((first @ first) * (second @ second))
    return float(round(first @ second / scale, 12)) if scale else float('nan')


def _ranks(values: np.ndarray) -> np.ndarray:
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_rank: np.ndarray = last - (counts - 1) / 2
    return mean_rank[where]


def correlations(
    dataset: 'IndexedDataset', columns: Mapping[str, Any]
) -> dict[str, float]:
    """Returns each column's rank correlation with ``tr_mem``, where that can be had.

    Args:
      dataset: only if ``tr_mem`` is beside its shards.
      columns: values by index; only those with one number per example are compared.

    Raises:
      DatasetError: the file with ``tr_mem`` cannot be read, or is damaged.
    """
    path = scores_path(dataset.directory, dataset.split)
    if storage.size(path) is None:
        return {}
    try:
        memorization = read_scores(path).get(MEMORIZATION)
    except OSError as error:
        raise DatasetError(f'{path} cannot be read: {error_text(error)}') from error
    except ValueError as error:
        raise DatasetError(str(error)) from error
    if memorization is None or len(memorization) != len(dataset):
        return {}
    found = {}
    for name, values in columns.items():
        if (
            isinstance(values, list)
            or values.ndim != 1
            or values.dtype.kind not in 'iufb'
        ):
            continue
        rho = rank_correlation(np.asarray(values, np.float64), memorization)
        if np.isfinite(rho):
            found[name] = rho
    return found
