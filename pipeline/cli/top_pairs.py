"""``top`` of a file of influence pairs: the strongest, with the names of both images."""

import pathlib
import zipfile

import numpy as np
from rich.console import Console
from rich.table import Table

from indexed_imagenet.errors import DatasetError, UserError
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.scores.pairs import PAIR_KEYS, PublishedPairs, read_pairs
from indexed_imagenet.scores.tables import open_table
from indexed_imagenet.transforms.formats.layout import SPLITS
from indexed_imagenet.transforms.formats.safe_npz import member_keys

# Columns of the table where no terminal sets them: both names fit.
_PIPED_WIDTH = 120

# The columns that pairs can be sorted by, as the published file calls them.
PAIR_COLUMNS = ('infl', 'mem')


def holds_pairs(path: str) -> bool:
    """Returns whether a file is a table of influence pairs, by its keys."""
    if pathlib.PurePath(path).suffix.lower() != '.npz':
        return False
    try:
        with open_table(path) as file, zipfile.ZipFile(file) as archive:
            return set(PAIR_KEYS) <= set(member_keys(archive))
    except Exception:  # join says what is wrong with a stranger's file
        return False


def print_pairs(
    dataset: IndexedDataset, path: str, by: str | None, count: int, lowest: bool
) -> None:
    """Prints pairs of a training image and the validation image that it influences.

    Args:
      dataset: the training split. If the validation split is beside it, its file names
        are shown, too.
      path: the file of pairs.
      by: ``infl`` (the default) or ``mem``.
      count: how many.
      lowest: the lowest values instead of the highest.

    Raises:
      JoinError: the file is damaged.
      UserError: ``by`` is not a column, or an index is not in the data set.
    """
    by = by or PAIR_COLUMNS[0]
    if by not in PAIR_COLUMNS:
        raise UserError(f'--by is {by!r} (expected {" or ".join(PAIR_COLUMNS)})')
    if dataset.split != 'train':
        raise UserError(
            f'{path} holds pairs of both splits; leave out --split={dataset.split}'
        )
    pairs = read_pairs(path)
    validation = _validation(dataset)
    _check_range(path, pairs.train, dataset)
    if validation:
        _check_range(path, pairs.test, validation)
    values = pairs.influence if by == 'infl' else pairs.memorization
    known = np.flatnonzero(np.isfinite(values))
    order = np.argsort(values[known] if lowest else -values[known], kind='stable')
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _PIPED_WIDTH)
    console.print(_table(dataset, validation, pairs, known[order[:count]]))


def _validation(dataset: IndexedDataset) -> IndexedDataset | None:
    try:
        return IndexedDataset(dataset.directory, SPLITS[1])
    except DatasetError:  # only one split was built
        return None


def _check_range(path: str, indices: np.ndarray, dataset: IndexedDataset) -> None:
    if len(indices) and indices.max() >= len(dataset):
        raise UserError(
            f'{path} names {dataset.split} index {indices.max()}, but '
            f'{dataset.directory} has {len(dataset):,} (give the data set that the pairs '
            'are of)'
        )


def _table(
    dataset: IndexedDataset,
    validation: IndexedDataset | None,
    pairs: PublishedPairs,
    rows: np.ndarray,
) -> Table:
    table = Table(show_edge=False)
    for name in ('train', 'validation'):
        table.add_column(name, justify='right', min_width=len(name))
        table.add_column('name', overflow='fold')
    table.add_column('class')
    for name in PAIR_COLUMNS:
        table.add_column(name, justify='right', min_width=len('0.0000'))
    for row in rows.tolist():
        train, test = int(pairs.train[row]), int(pairs.test[row])
        text = dataset.classes[int(dataset.labels[train])].text.partition(',')[0]
        table.add_row(
            str(train),
            str(dataset.filenames[train]),
            str(test),
            str(validation.filenames[test]) if validation else '',
            text,
            f'{pairs.influence[row]:.4f}',
            f'{pairs.memorization[row]:.4f}',
        )
    return table
