"""Decides the order of a table without keys: by its labels, or tested by its values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from indexed_imagenet.errors import JoinError
from indexed_imagenet.scores.orders import (
    ORDERS,
    Order,
    chance_share,
    class_share,
    make_order,
)
from indexed_imagenet.scores.tables import Columns
from indexed_imagenet.text import first_of

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset

# Standard deviations above chance that the share of variance between classes must have.
_ABOVE_CHANCE = 6.0


def codings(
    dataset: 'IndexedDataset', labels: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """Returns the labels as 0 … 999 under each code that they may be in.

    The devkit's own ids (1 to 1,000, not in the order of the synsets) are not among
    them: no table of them with a citable source was available to package.
    """
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


def order_of(
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
        for coding, numbers in codings(dataset, labels):
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


def counts_rows(values: Any) -> bool:
    """Returns whether values are 0, 1, 2 … or 1, 2, 3 …: of any order, so of none."""
    if isinstance(values, list) or np.ndim(values) != 1:
        return False
    array = np.asarray(values)
    if array.dtype.kind not in 'iu' or not array.size or array[0] not in (0, 1):
        return False
    return bool((np.diff(array) == 1).all())


def check_share(
    dataset: 'IndexedDataset', columns: Columns, order: str, what: str
) -> str:
    """Refuses an order in which the values look shuffled between classes.

    Returns:
      The shares of variance between classes, of the column that shows most.

    Raises:
      JoinError: no column shows more than chance, or none can be tested.
    """
    orders = _orders(dataset)
    num_classes = len(np.unique(dataset.labels))
    best, best_margin, shown = '', -np.inf, ''
    for name, values in columns.items():
        array = _as_floats(values)
        if array is None or counts_rows(values):
            continue
        known = int(np.isfinite(array).all(axis=1).sum())
        chance, deviation = chance_share(known, num_classes)
        shares = {
            candidate.name: class_share(array, dataset.labels[candidate.index_at])
            for candidate in orders
        }
        margin = shares[order] - chance - _ABOVE_CHANCE * deviation
        if margin > best_margin:
            listing = ', '.join(f'{key} {share:.4f}' for key, share in shares.items())
            best, best_margin = name, margin
            shown = f'{listing}; chance {chance:.4f}'
    remedy = (
        f"if it is in this order all the same, join {{'index': "
        f'ds.order({order!r}).index_at, …}}'
    )
    if not best:
        raise JoinError(
            f'{what} has no numbers by which the order {order!r} can be tested; {remedy}'
        )
    if best_margin <= 0:
        raise JoinError(
            f'{what}: in the order {order!r} the classes explain no more of {best!r} '
            f'than chance ({shown}); it is in another order, or says nothing about '
            f'classes; {remedy}'
        )
    return f' (share of variance between classes: {shown})'


def _as_floats(values: Any) -> np.ndarray | None:
    """Returns values as floats, shape [rows, columns]; of lists, their lengths."""
    if isinstance(values, list):
        if not all(isinstance(item, list) for item in values):
            return None
        return np.array([[len(item)] for item in values], np.float64)
    array = np.asarray(values)
    if array.dtype.kind not in 'iufb':
        return None
    floats: np.ndarray = array.reshape(len(array), -1).astype(np.float64)
    return floats
