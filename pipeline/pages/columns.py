"""What is known of each example without reading its record, as columns by name."""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from indexed_imagenet.errors import UserError
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.layout import scores_path
from indexed_imagenet.transforms.formats.scores import read_scores


class Columns:
    """The columns of a split, each made when it is asked for, and once.

    Attributes:
      dataset: the split.
      scores: names of the score columns, which hold one number per example.
    """

    def __init__(
        self,
        dataset: IndexedDataset,
        tables: Sequence[str] = (),
        order: str | None = None,
    ):
        """Joins tables of scores.

        Args:
          dataset: the split.
          tables: files of scores to join, besides those beside the shards.
          order: the order of tables without keys.

        Raises:
          JoinError: a table does not fit.
          UserError: a table has no column of numbers, or one whose name is taken.
          OSError, ValueError: the scores beside the shards cannot be read.
        """
        self.dataset = dataset
        self._scores: dict[str, np.ndarray] = {}
        path = scores_path(dataset.directory, dataset.split)
        if storage.size(path) is not None:
            self._add(path, read_scores(path))
        for table in tables:
            joined = dataset.join(table, order=order, partial=True)
            numbers = {
                name: values
                for name, values in joined.columns.items()
                if not isinstance(values, list) and _is_numeric(values)
            }
            if not numbers:
                raise UserError(
                    f'--scores {table} has no column with one number per example'
                )
            self._add(table, numbers)
        self.scores = tuple(self._scores)
        self.makers: dict[str, Callable[[], np.ndarray]] = {
            'index': lambda: np.arange(len(dataset)),
            'label': lambda: dataset.labels,
            'synset': lambda: dataset.synsets,
            'filename': lambda: dataset.filenames,
        }
        for name in self._scores:
            self.makers[name] = functools.partial(self.score, name)

    def _add(self, source: str, columns: dict[str, np.ndarray]) -> None:
        for name, values in columns.items():
            if len(values) != len(self.dataset):
                raise UserError(
                    f'{source} has {len(values):,} values of {name} (expected '
                    f'{len(self.dataset):,}, the length of the index)'
                )
            if name in self._scores and not np.array_equal(
                self._scores[name], values, equal_nan=True
            ):
                raise UserError(
                    f'{source} has a column {name!r}, which exists already with other '
                    'values; rename it'
                )
            self._scores[name] = values.astype(np.float64)

    def score(self, name: str) -> np.ndarray:
        """Returns a score of each index, float64, NaN where there is none.

        Raises:
          UserError: there is no such column.
        """
        if name not in self._scores:
            known = ', '.join(self._scores) or 'none; give a table with --scores'
            raise UserError(f'{name!r} is not a column of scores (they are: {known})')
        return self._scores[name]


def _is_numeric(values: np.ndarray) -> bool:
    return values.ndim == 1 and values.dtype.kind in 'iufb'
