"""Finds the columns of a table that hold keys, labels and values."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from indexed_imagenet.errors import JoinError
from indexed_imagenet.scores.decide import codings, counts_rows
from indexed_imagenet.scores.names import (
    StemIndex,
    looks_like_image,
    stem_of,
    stems_of_numbers,
)
from indexed_imagenet.scores.tables import Columns, as_numbers
from indexed_imagenet.text import first_of

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset

_IS_INDEX = re.compile(r'(^|_)(index|indices|idx)(_|$)')
# Columns that may hold the number in the file name instead of the name.
_NUMBER_COLUMNS = ('id', 'image_id', 'ImageId')

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


def is_rows(values: Any) -> bool:
    return isinstance(values, list) or getattr(values, 'ndim', 0) >= 1


def listed(value: str | Sequence[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def row_count(
    lengths: dict[str, int], value: str | Sequence[str] | None, on: str | None, what: str
) -> int:
    wanted = [*listed(value), *([on] if on else [])]
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


def drop_other_split(columns: Columns, split: str) -> Columns:
    """Returns the columns without those that are named as the other split's.

    The index file itself has both: ``tr_…`` and ``tt_…``.
    """
    other = {'train': 'tt_', 'validation': 'tr_'}[split]
    return {name: values for name, values in columns.items() if other != name[:3]}


def split_name_pairs(columns: Columns) -> Columns:
    """Returns the columns with pairs of name and label as two columns of their own.

    ReaL's ``scores.npz`` has ``info``: texts of shape [rows, 2].
    """
    result: Columns = {}
    for name, values in columns.items():
        array = values if isinstance(values, np.ndarray) else None
        if (
            array is not None
            and array.dtype.kind in 'US'
            and array.ndim == 2
            and array.shape[1] == 2
            and all(looks_like_image(text) for text in array[:100, 0].tolist())
        ):
            result[f'{name}.filename'] = array[:, 0]
            result[f'{name}.label'] = as_numbers(array[:, 1].tolist())
        else:
            result[name] = values
    return result


def find_index_column(columns: Columns) -> str | None:
    """Returns the column of published indices, if a name says so."""
    return next((name for name in INDEX_COLUMNS if name in columns), None)


def find_label_column(columns: Columns, value: str | Sequence[str] | None) -> str | None:
    """Returns the column of labels; not one that is asked for as a value."""
    for name in LABEL_COLUMNS:
        values = columns.get(name, [])
        if isinstance(values, list) or name in listed(value):
            continue
        if np.ndim(values) == 1:
            return name
    return None


def find_name_column(columns: Columns) -> str | None:
    """Returns the column of file names; of numbers in them, only if there is no other.

    MTurk's table of label errors has the number as ``id`` and the name in ``url``.
    """
    numbers = None
    pairs = [name for name in columns if name.endswith('.filename')]
    for name in (*NAME_COLUMNS, *pairs):
        values = columns.get(name)
        if values is None or isinstance(values, list) or np.ndim(values) != 1:
            continue
        kind = np.asarray(values).dtype.kind
        if kind in 'USO':
            return name
        if kind in 'iu' and name in _NUMBER_COLUMNS:
            numbers = numbers or name
    return numbers


def value_columns(
    columns: Columns, value: str | Sequence[str] | None, what: str, others: set[Any]
) -> Columns:
    if value is not None:
        return {name: columns[name] for name in listed(value)}
    known = {*INDEX_COLUMNS, *NAME_COLUMNS, *LABEL_COLUMNS, *others}
    chosen = {
        name: values
        for name, values in columns.items()
        if name not in known and not is_row_number(name, values)
    }
    if not chosen:
        raise JoinError(
            f'{what} has no column of values beside keys and labels '
            f'({first_of(list(columns))}); name one with value='
        )
    return chosen


def indices_of_keys(
    dataset: 'IndexedDataset', keys: Any, column: str, what: str
) -> tuple[np.ndarray, str]:
    """Returns the index of each row, −1 for unknown keys, and what form the keys have."""
    try:
        array = np.asarray(keys)
    except ValueError:  # lists of different lengths
        array = np.empty((0, 0))
    if array.ndim != 1:
        raise JoinError(f'{what}: {column!r} holds lists (expected one name per row)')
    if array.dtype.kind in 'iu' and _IS_INDEX.search(column):
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


def is_row_number(name: str, values: Any) -> bool:
    """Returns whether a column is the row number that pandas writes into a CSV."""
    return name in ('', 'Unnamed: 0') and counts_rows(values)


def check_other_keys(
    dataset: 'IndexedDataset',
    columns: Columns,
    key: str,
    label: str | None,
    indices: np.ndarray,
    what: str,
) -> None:
    """Refuses numbers that the names or labels beside them contradict.

    A column called ``index`` may be a position in somebody's folder.

    Raises:
      JoinError: the first rows that differ.
    """
    if np.asarray(columns[key]).dtype.kind not in 'iu':
        return
    known = np.flatnonzero(indices >= 0)
    name = find_name_column({k: v for k, v in columns.items() if k != key})
    if name is not None and np.asarray(columns[name]).dtype.kind in 'USO':
        named, _ = indices_of_keys(dataset, columns[name], name, what)
        differ = known[named[known] != indices[known]]
        if len(differ):
            rows = [
                f'row {row}: {columns[key][row]} is '
                f'{dataset.filenames[indices[row]]}, not {columns[name][row]}'
                for row in differ[:3].tolist()
            ]
            raise JoinError(
                f'{what}: {key!r} and {name!r} contradict each other in '
                f'{len(differ):,} rows ({first_of(rows)}); is {key!r} a position? '
                f'Join with on={name!r}'
            )
    if label is not None and len(known):
        labels = np.asarray(columns[label])[known]
        shares = [
            float(np.mean(dataset.labels[indices[known]] == numbers))
            for _, numbers in codings(dataset, labels)
        ]
        if shares and max(shares) < 0.5:
            raise JoinError(
                f'{what}: {label!r} agrees with the labels of only {max(shares):.1%} of '
                f'the examples in {key!r}; is that a position? Name an order with '
                f'order=, or, if {label!r} is not the label, take it as a value'
            )
