"""Places the rows of a table at their examples, or refuses rows that do not fit."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from indexed_imagenet.errors import JoinError
from indexed_imagenet.scores.tables import Columns
from indexed_imagenet.text import first_of

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset


@dataclasses.dataclass(frozen=True, slots=True)
class JoinReport:
    """How a table was joined.

    Attributes:
      by: what decided, one line.
      matched: examples that have a value.
      absent: examples of the index without one.
      unknown: rows whose key the index lacks.
      duplicate: rows beyond the first of their example.
      correlations: the rank correlation of each column with ``tr_mem``, if that is
        beside the shards.
    """

    by: str
    matched: int
    absent: int
    unknown: int
    duplicate: int
    correlations: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        text = (
            f'joined by {self.by}: {self.matched:,} matched, {self.absent:,} absent, '
            f'{self.unknown:,} unknown, {self.duplicate:,} duplicate'
        )
        if self.correlations:
            each = [f'{name} {rho:.2f}' for name, rho in self.correlations.items()]
            text += f'; rank correlation with tr_mem: {first_of(each)}'
        return text


@dataclasses.dataclass(frozen=True, slots=True)
class Joined:
    """A table in the order of the index.

    Attributes:
      columns: the values of each column, shape [length of the index, …]: position i is
        example i. A partial table has NaN, None or [] where it has no row.
      report: how it was joined.
      higher_is: what a higher value means, if ``save_scores`` noted it in the file.
    """

    columns: dict[str, Any]
    report: JoinReport
    higher_is: str | None = None

    @property
    def values(self) -> Any:
        """The one column.

        Raises:
          JoinError: there are several; ``columns`` has them.
        """
        if len(self.columns) != 1:
            raise JoinError(
                f'the table has {len(self.columns)} columns of values '
                f'({first_of(list(self.columns))}); choose one with value=, or take '
                '.columns'
            )
        [values] = self.columns.values()
        return values


def align(
    dataset: 'IndexedDataset',
    columns: Columns,
    indices: np.ndarray,
    by: str,
    what: str,
    partial: bool,
    many: bool,
) -> Joined:
    """Returns the columns in the order of the index.

    Args:
      indices: the index of each row, int64; −1 for unknown keys.

    Raises:
      JoinError: keys are unknown, or examples have no row, or several.
    """
    length = len(dataset)
    unknown = np.flatnonzero(indices < 0)
    known = indices[indices >= 0]
    count = np.bincount(known, minlength=length)
    duplicate = int((count[count > 1] - 1).sum())
    absent = int((count == 0).sum())
    report = JoinReport(by, int((count > 0).sum()), absent, len(unknown), duplicate)
    if len(unknown):
        rows = first_of([f'row {row}' for row in unknown.tolist()])
        raise JoinError(
            f'{what}: {len(unknown):,} of {len(indices):,} keys are not in the '
            f'{dataset.split} index ({rows}); is it another split, or another data set?'
        )
    if duplicate and not many:
        first = int(np.flatnonzero(count > 1)[0])
        rows = first_of([f'row {row}' for row in np.flatnonzero(indices == first)])
        raise JoinError(
            f'{what} has several rows for {int((count > 1).sum()):,} examples, first '
            f'index {first} ({rows}); give many=True to get lists'
        )
    if absent and not partial:
        first = int(np.flatnonzero(count == 0)[0])
        cause = ''
        if len(known) in (length - 1, length + 1):
            cause = ': one image too few or too many in the folder that it was made from?'
        raise JoinError(
            f'{what} has no row for {absent:,} of {length:,} {dataset.split} examples, '
            f'first index {first} ({dataset.filenames[first]}){cause}; give partial=True '
            'to accept it'
        )
    aligned = {
        name: _lists(values, indices, length) if many else _place(values, indices, length)
        for name, values in columns.items()
    }
    return Joined(aligned, report)


def _place(values: Any, indices: np.ndarray, length: int) -> Any:
    if isinstance(values, list):
        placed: list[Any] = [[] for _ in range(length)]
        for index, item in zip(indices.tolist(), values, strict=True):
            placed[index] = item
        return placed
    array = np.asarray(values)
    full = len(np.unique(indices)) == length
    if array.dtype.kind in 'iub' and not full:
        array = array.astype(np.float64)
    if array.dtype.kind in 'fc':
        result = np.full((length, *array.shape[1:]), np.nan, array.dtype)
    elif full:
        result = np.empty((length, *array.shape[1:]), array.dtype)
    else:
        result = np.full((length, *array.shape[1:]), None, object)
    result[indices] = array
    return result


def _lists(values: Any, indices: np.ndarray, length: int) -> list[list[Any]]:
    placed: list[list[Any]] = [[] for _ in range(length)]
    items = values if isinstance(values, list) else np.asarray(values).tolist()
    for index, item in zip(indices.tolist(), items, strict=True):
        placed[index].append(item)
    return placed
