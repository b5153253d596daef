"""Joins a published table with a data set, or refuses it and says why.

By keys if it has any; else by its labels, which one known order must fit exactly; else
only by an order that the caller names, and that the values do not contradict.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from indexed_imagenet.errors import JoinError
from indexed_imagenet.scores.names import StemIndex, stem_of, stems_of_numbers
from indexed_imagenet.scores.orders import (
    ORDERS,
    Order,
    chance_share,
    class_share,
    make_order,
)
from indexed_imagenet.scores.tables import Columns, read_table
from indexed_imagenet.text import first_of

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset

# Columns that hold the published index, names, and labels, in the order of preference.
INDEX_COLUMNS = ('index', 'indices', 'idx', 'tr_idx', 'tt_idx')
NAME_COLUMNS = (
    *('filename', 'filenames', 'file_name', 'tr_filenames', 'tt_filenames'),
    *('image', 'image_id', 'ImageId', 'img', 'path', 'url', 'name', '__key__', 'id'),
)
LABEL_COLUMNS = (
    *('label', 'labels', 'target', 'targets', 'tr_labels', 'tt_labels'),
    *('original_label', 'class', 'y', 'given_label', 'given_original_label'),
)

# Standard deviations above chance that the share of variance between classes must have.
_ABOVE_CHANCE = 6.0


@dataclasses.dataclass(frozen=True, slots=True)
class JoinReport:
    """How a table was joined.

    Attributes:
      by: what decided, one line.
      matched: examples that have a value.
      absent: examples of the index without one.
      unknown: rows whose key the index lacks.
      duplicate: rows beyond the first of their example.
    """

    by: str
    matched: int
    absent: int
    unknown: int
    duplicate: int

    def __str__(self) -> str:
        return (
            f'joined by {self.by}: {self.matched:,} matched, {self.absent:,} absent, '
            f'{self.unknown:,} unknown, {self.duplicate:,} duplicate'
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Joined:
    """A table in the order of the index.

    Attributes:
      columns: the values of each column, shape [length of the index, …]: position i is
        example i. A partial table has NaN, None or [] where it has no row.
      report: how it was joined.
    """

    columns: dict[str, Any]
    report: JoinReport

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


def join(
    dataset: 'IndexedDataset',
    table: Any,
    value: str | Sequence[str] | None = None,
    on: str | None = None,
    order: str | None = None,
    partial: bool = False,
    many: bool = False,
) -> Joined:
    """Joins a table with a data set.

    Args:
      dataset: whose index the values are aligned to.
      table: an npz, npy, CSV, TSV, JSON, JSON lines or parquet file or URL, a mapping of
        columns, a data frame, or an array.
      value: the column, or columns, of values; None for all that are no key or label.
      on: the column of keys; None to recognise it.
      order: one of ``orders.ORDERS``, for a table without keys.
      partial: accept a table that has no row for some examples.
      many: accept several rows per example; values are then lists.

    Raises:
      JoinError: the table does not fit; the message says why.
    """
    columns, what = read_table(table)
    lengths = {name: len(values) for name, values in columns.items() if _is_rows(values)}
    rows = _row_count(lengths, value, on, what)
    columns = {name: values for name, values in columns.items() if name in lengths}
    columns = {name: values for name, values in columns.items() if lengths[name] == rows}
    key = on or _first(columns, INDEX_COLUMNS) or _name_column(columns)
    label = _first(columns, LABEL_COLUMNS)
    if order is not None and on is None:
        key = None
    if key is not None:
        if key not in columns:
            shown = first_of(list(columns))
            raise JoinError(f'{what} has no column {key!r} (it has {shown})')
        chosen = _value_columns(columns, value, what, {key, label} - set(_listed(value)))
        indices, form = _indices_of_keys(dataset, columns[key], key, what)
        return _align(dataset, chosen, indices, f'{form} in {key!r}', what, partial, many)
    found, by = _order_of(dataset, columns, label, order, rows, what)
    chosen = _value_columns(columns, value, what, {label} - set(_listed(value)))
    if order is not None and label is None:
        by += _check_share(dataset, chosen, order, what)
    return _align(dataset, chosen, found.index_at, by, what, partial, many)


def _is_rows(values: Any) -> bool:
    return isinstance(values, list) or getattr(values, 'ndim', 0) >= 1


def _listed(value: str | Sequence[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _row_count(
    lengths: dict[str, int], value: str | Sequence[str] | None, on: str | None, what: str
) -> int:
    wanted = [*_listed(value), *([on] if on else [])]
    for name in wanted:
        if name not in lengths:
            shown = first_of(list(lengths), most=12)
            raise JoinError(f'{what} has no column {name!r} (it has {shown})')
    if not lengths or not any(lengths.values()):
        raise JoinError(f'{what} has no rows')
    if wanted:
        return lengths[wanted[0]]
    counts = sorted(lengths.values())
    return max(set(counts), key=counts.count)


def _first(columns: Columns, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in columns), None)


def _name_column(columns: Columns) -> str | None:
    for name in NAME_COLUMNS:
        values = columns.get(name)
        if values is None or isinstance(values, list):
            continue
        if np.asarray(values).dtype.kind in 'USO' or name in ('id', 'ImageId'):
            return name
    return None


def _value_columns(
    columns: Columns, value: str | Sequence[str] | None, what: str, others: set[Any]
) -> Columns:
    if value is not None:
        return {name: columns[name] for name in _listed(value)}
    known = {*INDEX_COLUMNS, *NAME_COLUMNS, *LABEL_COLUMNS, *others}
    chosen = {name: values for name, values in columns.items() if name not in known}
    if not chosen:
        raise JoinError(
            f'{what} has no column of values beside keys and labels '
            f'({first_of(list(columns))}); name one with value='
        )
    return chosen


def _indices_of_keys(
    dataset: 'IndexedDataset', keys: Any, column: str, what: str
) -> tuple[np.ndarray, str]:
    """Returns the index of each row, −1 for unknown keys, and what form the keys have."""
    array = np.asarray(keys)
    if array.dtype.kind in 'iu' and column in INDEX_COLUMNS:
        known = (array >= 0) & (array < len(dataset))
        return np.where(known, array, -1).astype(np.int64), 'the published index'
    if array.dtype.kind in 'iu':
        if dataset.split != 'validation':
            raise JoinError(
                f'{what}: {column!r} holds numbers, which are the number in the file '
                'name only in validation; name the column of file names with on=, or '
                "rename it to 'index' if it is the published index"
            )
        stems = stems_of_numbers(array)
        found = StemIndex(dataset.filenames.tolist()).find(stems)
        return found, 'the number in the file name'
    if array.dtype.kind not in 'USTO':
        raise JoinError(f'{what}: {column!r} has dtype {array.dtype} (expected names)')
    pairs = [stem_of(name) for name in array.tolist()]
    found = StemIndex(dataset.filenames.tolist()).find([stem for stem, _ in pairs])
    forms = sorted({form for _, form in pairs if form})
    return found, f'file name{" (" + "; ".join(forms) + ")" if forms else ""}'


def _align(
    dataset: 'IndexedDataset',
    columns: Columns,
    indices: np.ndarray,
    by: str,
    what: str,
    partial: bool,
    many: bool,
) -> Joined:
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


def _codings(
    dataset: 'IndexedDataset', labels: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """Returns the labels as 0 … 999 under each code that they may be in."""
    if labels.dtype.kind in 'iu':
        return [('labels 0…999', labels), ('labels 1…1000', labels - 1)]
    if labels.dtype.kind in 'UST':
        number = {image_class.synset: i for i, image_class in enumerate(dataset.classes)}
        texts = [str(label) for label in labels.tolist()]
        return [('synsets', np.array([number.get(text, -1) for text in texts]))]
    return []


def _orders(dataset: 'IndexedDataset') -> list[Order]:
    names = [name for name in ORDERS if name != 'shards' or dataset.manifest is not None]
    return [make_order(dataset, name) for name in names]


def _check_length(dataset: 'IndexedDataset', rows: int, what: str) -> None:
    length = len(dataset)
    if rows == length:
        return
    cause = ''
    if abs(rows - length) == 1:
        cause = (
            ': one image too few or too many in the folder that it was made from shifts '
            'every row after it'
        )
    elif rows == 50_000 or rows == 1_281_167:
        cause = ': is it of the other split?'
    raise JoinError(
        f'{what} has {rows:,} rows and no keys, but the {dataset.split} index has '
        f'{length:,} names{cause}; join a table that names its images'
    )


def _order_of(
    dataset: 'IndexedDataset',
    columns: Columns,
    label: str | None,
    order: str | None,
    rows: int,
    what: str,
) -> tuple[Order, str]:
    if order is not None:
        try:
            wanted = make_order(dataset, order)
        except ValueError as error:
            raise JoinError(str(error)) from error
    _check_length(dataset, rows, what)
    if label is None:
        if order is None:
            raise JoinError(
                f'{what} has neither keys nor labels, so nothing says its order; name it '
                f'with order= ({", ".join(ORDERS)})'
            )
        return wanted, f'the order {order!r}, as given'
    labels = np.asarray(columns[label])
    agreeing, shares = [], []
    for known in _orders(dataset):
        for coding, numbers in _codings(dataset, labels):
            share = float(np.mean(dataset.labels[known.index_at] == numbers))
            shares.append(f'{known.name} {share:.3f}')
            if share == 1.0:
                agreeing.append((known, coding))
    names = [known.name for known, _ in agreeing]
    if order is not None:
        if order not in names:
            raise JoinError(
                f'{what}: its {label!r} is not in the order {order!r} (shares of equal '
                f'labels: {first_of(shares, most=12)})'
            )
        coding = agreeing[names.index(order)][1]
        return wanted, f'the order {order!r}, which its {label!r} ({coding}) confirms'
    if not agreeing:
        raise JoinError(
            f'{what}: its {label!r} fits no known order exactly (shares of equal labels: '
            f'{first_of(shares, most=12)})'
        )
    if not _same(agreeing):
        raise JoinError(
            f'{what}: its {label!r} fits several orders ({", ".join(names)}), which have '
            'all labels in common; name the one it is in with order='
        )
    known, coding = agreeing[0]
    return known, f'its {label!r} ({coding}), which only the order {known.name!r} fits'


def _same(agreeing: Sequence[tuple[Order, str]]) -> bool:
    first = agreeing[0][0].index_at
    return all((known.index_at == first).all() for known, _ in agreeing)


def _check_share(
    dataset: 'IndexedDataset', columns: Columns, order: str, what: str
) -> str:
    """Refuses an order in which the values look shuffled between classes."""
    for name, values in columns.items():
        array = _as_floats(values)
        if array is None:
            continue
        known = int(np.isfinite(array).sum())
        chance, deviation = chance_share(known, len(np.unique(dataset.labels)))
        shares = {
            candidate.name: class_share(array, dataset.labels[candidate.index_at])
            for candidate in _orders(dataset)
        }
        shown = ', '.join(f'{key} {share:.4f}' for key, share in shares.items())
        if shares[order] < chance + _ABOVE_CHANCE * deviation:
            raise JoinError(
                f'{what}: in the order {order!r} the classes explain no more of {name!r} '
                f'than chance ({shares[order]:.4f}, chance {chance:.4f}; {shown}); it is '
                'in another order, or tells nothing of classes'
            )
        return f' (share of variance between classes: {shown}; chance {chance:.4f})'
    return ''


def _as_floats(values: Any) -> np.ndarray | None:
    if isinstance(values, list):
        return np.array(
            [len(item) if isinstance(item, list) else np.nan for item in values]
        )
    array = np.asarray(values)
    if array.dtype.kind not in 'iufb':
        return None
    means: np.ndarray = array.reshape(len(array), -1).mean(axis=1).astype(np.float64)
    return means
