"""Joins a published table with a data set, or refuses it and says why.

By keys if it has any; else by its labels, which one known order must fit exactly; else
only by an order that the caller names, and that the values do not contradict.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from indexed_imagenet.errors import JoinError
from indexed_imagenet.scores.align import Joined, JoinReport, align
from indexed_imagenet.scores.columns import (
    check_other_keys,
    drop_other_split,
    find_index_column,
    find_label_column,
    find_name_column,
    indices_of_keys,
    is_rows,
    listed,
    row_count,
    split_name_pairs,
    value_columns,
)
from indexed_imagenet.scores.correlation import correlations
from indexed_imagenet.scores.decide import check_share, order_of
from indexed_imagenet.scores.downloads import Download, fetch, is_url
from indexed_imagenet.scores.pairs import recognise
from indexed_imagenet.scores.save import FORMAT, names_digest
from indexed_imagenet.scores.tables import read_about, read_table
from indexed_imagenet.text import first_of, one_line

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset

__all__ = ['JoinReport', 'Joined', 'join']


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
      value: the column, or columns, of values; None for all that are neither keys nor
        labels.
      on: the column of keys; None to recognise it.
      order: one of ``orders.ORDERS``, for a table without keys.
      partial: accept a table that has no row for some examples.
      many: accept several rows per example; values are then lists.

    Raises:
      JoinError: the table does not fit; the message says why.
    """
    if isinstance(table, str | os.PathLike) and is_url(os.fspath(table)):
        table = fetch(os.fspath(table))
    about = read_about(table)
    if on is None:
        _check_names(dataset, about, table)
    joined = _join(dataset, table, value, on, order, partial, many)
    found = correlations(dataset, joined.columns)
    joined = dataclasses.replace(
        joined, report=dataclasses.replace(joined.report, correlations=found)
    )
    higher_is = about.get('higher_is')
    if isinstance(higher_is, str):
        joined = dataclasses.replace(joined, higher_is=one_line(higher_is))
    return joined


def _check_names(
    dataset: 'IndexedDataset', about: dict[str, Any], table: str | Download
) -> None:
    """Refuses scores that ``save_scores`` wrote for another index.

    Raises:
      JoinError: the digests of the indices' file names differ.
    """
    digest = about.get('names')
    if about.get('format') != FORMAT or not isinstance(digest, str):
        return
    expected = names_digest(dataset)
    if digest != expected:
        what = table.url if isinstance(table, Download) else os.fspath(table)
        split = one_line(str(about.get('split')))
        raise JoinError(
            f'{what} was saved for another index, of the split {split!r}: the digest of '
            f'its file names is {one_line(digest)[:12]}… (expected {expected[:12]}…, of '
            f"{dataset.split!r}); on='filenames' joins it by name"
        )


def _join(
    dataset: 'IndexedDataset',
    table: Any,
    value: str | Sequence[str] | None,
    on: str | None,
    order: str | None,
    partial: bool,
    many: bool,
) -> Joined:
    columns, what = read_table(table)
    if value is None and on is None and (known := recognise(columns)):
        raise JoinError(f'{what} is {known}')
    columns = split_name_pairs(drop_other_split(columns, dataset.split))
    lengths = {name: len(values) for name, values in columns.items() if is_rows(values)}
    rows = row_count(lengths, value, on, what)
    columns = {name: columns[name] for name, length in lengths.items() if length == rows}
    label = find_label_column(columns, value)
    if order is not None and on is None:
        key = None
    else:
        key = on or find_index_column(columns) or find_name_column(columns)
    if key is None:
        found, by = order_of(dataset, columns, label, order, rows, what)
        chosen = value_columns(columns, value, what, {label} - set(listed(value)))
        if order is not None and label is None:
            by += check_share(dataset, chosen, order, what)
        return align(dataset, chosen, found.index_at, by, what, partial, many)
    if key not in columns:
        raise JoinError(
            f'{what} has no column {key!r} of {rows:,} rows (it has '
            f'{first_of(list(columns))})'
        )
    chosen = value_columns(columns, value, what, {key, label} - set(listed(value)))
    indices, form = indices_of_keys(dataset, columns[key], key, what)
    check_other_keys(dataset, columns, key, label, indices, what)
    return align(dataset, chosen, indices, f'{form} in {key!r}', what, partial, many)
