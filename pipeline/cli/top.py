"""``top``: lists the examples with the highest scores."""

import argparse
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from indexed_imagenet.cli.top_pairs import holds_pairs, print_pairs
from indexed_imagenet.errors import DatasetError, JoinError, UserError
from indexed_imagenet.flags import OneLineParser, int_flag
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.scores.orders import ORDERS
from indexed_imagenet.text import error_text, first_of
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_split_scores,
)
from indexed_imagenet.transforms.formats.layout import SPLITS, scores_path
from indexed_imagenet.transforms.formats.scores import read_scores


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = OneLineParser(
        prog='indexed-imagenet top',
        usage='%(prog)s DIR [--by tr_mem] [--n 20] [--lowest] [--scores FILE]',
        description='Lists the examples with the highest scores: index, name, class.',
        allow_abbrev=False,
    )
    parser.add_argument('directory', metavar='DIR', help='where the shards are')
    parser.add_argument(
        '--by',
        metavar='COLUMN',
        help='default: tr_mem; with --scores, its only column; of pairs, infl',
    )
    parser.add_argument(
        '--n', type=int_flag, metavar='N', default=20, help='default: %(default)s'
    )
    parser.add_argument('--lowest', action='store_true', help='the lowest scores instead')
    parser.add_argument(
        '--scores',
        metavar='FILE',
        help='a table to join, or the published influence pairs (default: the scores '
        'beside the shards)',
    )
    parser.add_argument(
        '--order', choices=ORDERS, help='the order of --scores, if it has no keys'
    )
    parser.add_argument(
        '--imagenet_index_file',
        metavar='FILE',
        help='has the scores, if there are none beside the shards',
    )
    parser.add_argument(
        '--split', choices=SPLITS, default='train', help='default: %(default)s'
    )
    parser.add_argument('--verbose', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_all(argv)


def _find_scores(dataset: IndexedDataset, flags: argparse.Namespace) -> np.ndarray:
    if flags.scores:
        joined = dataset.join(
            flags.scores, value=flags.by, order=flags.order, partial=True
        )
        flags.by = flags.by or next(iter(joined.columns))
        values = np.asarray(None if isinstance(joined.values, list) else joined.values)
        if values.ndim != 1 or values.dtype.kind not in 'iufb':
            raise UserError(
                f'{flags.by!r} of {flags.scores} does not hold one number per example; '
                'choose another column with --by'
            )
        return values.astype(np.float64)
    flags.by = flags.by or 'tr_mem'
    path = scores_path(flags.directory, flags.split)
    if storage.size(path) is not None:
        scores = read_scores(path)
        source = path
    elif flags.imagenet_index_file:
        scores = read_split_scores(flags.imagenet_index_file, flags.split)
        source = flags.imagenet_index_file
    else:
        raise UserError(
            f'{path} does not exist; give --imagenet_index_file, or a table with --scores'
        )
    if flags.by not in scores:
        raise UserError(
            f'--by {flags.by} is not in {source} (it has {first_of(list(scores))})'
        )
    if len(scores[flags.by]) != len(dataset):
        raise UserError(
            f'{source} has {len(scores[flags.by]):,} values (expected {len(dataset):,})'
        )
    return scores[flags.by]


def _print_table(
    dataset: IndexedDataset, scores: np.ndarray, flags: argparse.Namespace
) -> None:
    known = np.flatnonzero(np.isfinite(scores))
    order = np.argsort(scores[known] if flags.lowest else -scores[known], kind='stable')
    table = Table(show_edge=False)
    table.add_column('index', justify='right')
    for name in ('name', 'class'):
        table.add_column(name, no_wrap=name == 'name')
    table.add_column(flags.by, justify='right')
    for index in known[order[: flags.n]].tolist():
        image_class = dataset.classes[int(dataset.labels[index])]
        text = image_class.text.partition(',')[0]
        name = str(dataset.filenames[index])
        table.add_row(str(index), name, text, f'{scores[index]:.4f}')
    console = Console()
    console.print(table)
    tied = _note_ties(scores[known], order, flags.n)
    if tied:
        console.print(tied, soft_wrap=True)


def _note_ties(scores: np.ndarray, order: np.ndarray, count: int) -> str | None:
    """Returns a line about examples that only their index keeps off the list."""
    if not 0 < count < len(order):
        return None
    last = scores[order[count - 1]]
    shown, total = scores[order[:count]] == last, scores == last
    if shown.sum() == total.sum():
        return None
    return (
        f'{total.sum():,} examples have the score {last:.4f}; the first {shown.sum():,} '
        'by index are shown'
    )


def run(argv: Sequence[str]) -> None:
    """Prints the examples that the flags ask for.

    Raises:
      UserError: a flag is wrong, or there are no such scores.
    """
    flags = _parse(argv)
    if flags.n < 1:
        raise UserError(f'--n is {flags.n} (expected at least 1)')
    try:
        dataset = IndexedDataset(
            flags.directory, flags.split, imagenet_index=flags.imagenet_index_file
        )
        if flags.scores and holds_pairs(flags.scores):
            print_pairs(dataset, flags.scores, flags.by, flags.n, flags.lowest)
        else:
            _print_table(dataset, _find_scores(dataset, flags), flags)
    except (DatasetError, JoinError, IndexFileError, ValueError) as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f'{flags.directory}: {error_text(error)}') from error
