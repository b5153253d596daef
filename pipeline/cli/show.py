"""``show``: puts chosen examples on a page or a contact sheet."""

import argparse
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.progress import track

from indexed_imagenet.console import print_line
from indexed_imagenet.errors import (
    CorruptRecordError,
    DatasetError,
    JoinError,
    MissingExampleError,
    UserError,
)
from indexed_imagenet.flags import OneLineParser, int_flag
from indexed_imagenet.pages.columns import Columns
from indexed_imagenet.pages.contact_sheet import MAX_ENTRIES as MAX_ON_SHEET
from indexed_imagenet.pages.contact_sheet import make_sheet
from indexed_imagenet.pages.entries import Entry, make_entries
from indexed_imagenet.pages.gallery import MAX_ENTRIES, key_of, make_gallery
from indexed_imagenet.pages.influence import InfluenceRow, plan_rows
from indexed_imagenet.pages.output import check_output, write_output
from indexed_imagenet.pages.selection import Selection, describe, select
from indexed_imagenet.pages.templates import check_installed
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.scores.orders import ORDERS
from indexed_imagenet.scores.pairs import read_pairs
from indexed_imagenet.text import counted, error_text
from indexed_imagenet.transforms.formats.layout import SPLITS

_DEFAULT_COUNT = 50
_DEFAULT_MAX_BYTES = 25_000_000
_PAGE, _SHEET = ('.html', '.htm'), ('.png',)


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog='indexed-imagenet show',
        usage='%(prog)s DIR [--class n02105855] [--top tr_mem] … --output page.html',
        description='Puts examples on one self-contained HTML page (.html) or a contact '
        'sheet (.png). Without a choice, all of a small data set.',
        allow_abbrev=False,
    )
    parser.add_argument('directory', metavar='DIR', help='where the shards are')
    parser.add_argument(
        '--output', metavar='FILE', required=True, help='page.html or sheet.png'
    )
    parser.add_argument(
        '--split', choices=SPLITS, default='train', help='default: %(default)s'
    )
    choice = parser.add_argument_group('which examples', 'conditions hold together')
    choice.add_argument('--index', metavar='N', type=int_flag, nargs='+', default=[])
    choice.add_argument(
        '--class',
        dest='classes',
        metavar='CLASS',
        nargs='+',
        default=[],
        help='synset IDs, labels or words',
    )
    choice.add_argument(
        '--where',
        metavar='CONDITION',
        help="for example 'tr_mem > 0.8 and label == 207'; columns: index, label, "
        'synset, filename and the scores',
    )
    choice.add_argument(
        '--converted', action='store_true', help='only images converted from PNG or CMYK'
    )
    choice.add_argument(
        '--scores',
        metavar='FILE',
        nargs='+',
        default=[],
        help='tables to join, besides the scores beside the shards',
    )
    choice.add_argument(
        '--order', choices=ORDERS, help='the order of --scores, if they have no keys'
    )
    order = parser.add_argument_group('in which order').add_mutually_exclusive_group()
    order.add_argument('--top', metavar='COLUMN', help='the highest scores first')
    order.add_argument('--lowest', metavar='COLUMN', help='the lowest scores first')
    order.add_argument(
        '--around',
        metavar=('COLUMN', 'VALUE'),
        nargs=2,
        help='the scores nearest to a value first',
    )
    order.add_argument(
        '--random', metavar='N', type=int_flag, help='N of them, at random'
    )
    order.add_argument(
        '--pairs',
        metavar='FILE',
        help='rows of influence, from a table of pairs such as the published one',
    )
    more = parser.add_argument_group('more')
    more.add_argument(
        '--n',
        metavar='N',
        type=int_flag,
        help=f'how many at most (default: {_DEFAULT_COUNT} with --top, --lowest, '
        '--around and --pairs, else all)',
    )
    more.add_argument(
        '--seed', metavar='N', type=int_flag, default=0, help='of --random (default: 0)'
    )
    more.add_argument(
        '--by_test',
        action='store_true',
        help='with --pairs: from each test example to the training examples that decide '
        'it; --index counts test examples then',
    )
    more.add_argument(
        '--no_pictures',
        action='store_true',
        help='leave the pictures out, for a page that may be published',
    )
    more.add_argument(
        '--max_bytes',
        metavar='N',
        type=int_flag,
        default=_DEFAULT_MAX_BYTES,
        help='size of the page at most; pictures at full size are added as long as they '
        f'fit (default: {_DEFAULT_MAX_BYTES:,})',
    )
    parser.add_argument('--verbose', action='store_true', help=argparse.SUPPRESS)
    return parser


def _check(flags: argparse.Namespace) -> None:
    ending = pathlib.PurePath(flags.output).suffix.lower()
    check_output(flags.output, (*_PAGE, *_SHEET), '.html or .png')
    if ending in _SHEET and (flags.pairs or flags.no_pictures):
        which = '--pairs' if flags.pairs else '--no_pictures'
        raise UserError(f'{which} needs a page; give an --output that ends in .html')
    for name in ('n', 'random', 'max_bytes'):
        value = getattr(flags, name)
        if value is not None and value < 1:
            raise UserError(f'--{name} is {value} (expected at least 1)')
    if flags.by_test and not flags.pairs:
        raise UserError('--by_test needs --pairs')
    if flags.pairs:
        if flags.split != 'train':
            raise UserError('--pairs is of both splits; leave out --split')
        for name in ('classes', 'where', 'converted'):
            if getattr(flags, name):
                flag = name.replace('classes', 'class')
                raise UserError(f'--{flag} does not go with --pairs; use --index')
    if ending in _PAGE:
        check_installed()


def _selection(flags: argparse.Namespace) -> Selection:
    around = None
    if flags.around:
        try:
            around = (flags.around[0], float(flags.around[1]))
        except ValueError:
            raise UserError(
                f'--around {flags.around[0]} is followed by {flags.around[1]!r} '
                '(expected a number)'
            ) from None
    ranked = bool(flags.top or flags.lowest or around)
    return Selection(
        index=flags.index,
        classes=flags.classes,
        where=flags.where,
        converted=flags.converted,
        top=flags.top or flags.lowest,
        lowest=bool(flags.lowest),
        around=around,
        random=flags.random,
        seed=flags.seed,
        count=flags.n or (_DEFAULT_COUNT if ranked else None),
    )


def _check_number(number: int, most: int, total: int) -> None:
    if number > most:
        raise UserError(
            f'{number:,} of {total:,} examples fit the flags (expected at most '
            f'{most:,}); choose fewer with --n, --top, --random or --where'
        )


def _about(dataset: IndexedDataset) -> str:
    fingerprint = dataset.fingerprint
    of = f'fingerprint sha256 {fingerprint}' if fingerprint else 'without a manifest'
    return (
        f'{dataset.split}: {len(dataset.indices):,} of {len(dataset):,} examples, {of}.'
    )


def _progress(entries: Iterator[Entry], total: int, err: Console) -> Iterator[Entry]:
    yield from track(
        entries,
        'making thumbnails',
        total,
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def _influence(
    flags: argparse.Namespace, dataset: IndexedDataset, err: Console
) -> tuple[list[tuple[str, Entry]], tuple[str, ...], list[InfluenceRow]]:
    """Returns the examples, the score columns and the rows of an influence page."""
    try:
        test = IndexedDataset(flags.directory, 'validation')
    except DatasetError as error:
        raise UserError(f'--pairs needs the validation split: {error}') from error
    plan = plan_rows(
        read_pairs(flags.pairs),
        dataset,
        test,
        flags.index or None,
        flags.n or _DEFAULT_COUNT,
        flags.by_test,
    )
    total = len(plan.train) + len(plan.test)
    _check_number(total, MAX_ENTRIES, len(dataset) + len(test))
    columns = Columns(dataset, flags.scores, flags.order)
    entries: list[tuple[str, Entry]] = []
    for split, source, indices in (
        ('train', columns, plan.train),
        ('validation', Columns(test), plan.test),
    ):
        made = make_entries(source, indices.tolist(), not flags.no_pictures)
        for entry in _progress(made, len(indices), err):
            if split == 'validation':
                blank = (None,) * len(columns.scores)
                entry = dataclasses.replace(entry, scores=blank)
            entries.append((split, entry))
    left, right = ('validation', 'train') if flags.by_test else ('train', 'validation')
    rows = [
        InfluenceRow(
            key_of(left, index),
            None if memorization is None else f'M {memorization:.3f}',
            '←' if flags.by_test else '→',
            tuple(
                (key_of(right, each), None if value is None else f'I {value:.3f}')
                for each, value in members
            ),
        )
        for index, memorization, members in plan.rows
    ]
    return entries, columns.scores, rows


def _make_page(flags: argparse.Namespace, dataset: IndexedDataset, err: Console) -> str:
    if flags.pairs:
        entries, names, rows = _influence(flags, dataset, err)
        title = 'Influence: from test to training examples'
        if not flags.by_test:
            title = 'Influence: from training to test examples'
        gallery = make_gallery(
            entries, names, title, _about(dataset), flags.max_bytes, rows
        )
        number = len(rows)
        what = counted(number, 'row')
    else:
        columns = Columns(dataset, flags.scores, flags.order)
        selection = _selection(flags)
        indices = select(columns, selection)
        title = describe(selection, dataset.split)
        _check_number(len(indices), MAX_ENTRIES, len(dataset))
        made = make_entries(columns, indices.tolist(), not flags.no_pictures)
        of_split = ((dataset.split, e) for e in _progress(made, len(indices), err))
        gallery = make_gallery(
            of_split, columns.scores, title, _about(dataset), flags.max_bytes
        )
        what = counted(len(indices), 'example')
    write_output(flags.output, gallery.html)
    pictures = f', {counted(gallery.num_full, "picture")} at full size'
    return (
        f'{flags.output}: {what}, {len(gallery.html):,} bytes'
        f'{"" if flags.no_pictures else pictures}'
    )


def _make_sheet(flags: argparse.Namespace, dataset: IndexedDataset, err: Console) -> str:
    columns = Columns(dataset, flags.scores, flags.order)
    selection = _selection(flags)
    indices = select(columns, selection)
    _check_number(len(indices), MAX_ON_SHEET, len(dataset))
    shown = selection.top or (selection.around or [None])[0]
    made = make_entries(columns, indices.tolist())
    entries = []
    for entry in _progress(made, len(indices), err):
        place = columns.scores.index(shown) if shown else 0
        entries.append(
            dataclasses.replace(entry, image=None, scores=entry.scores[place : place + 1])
        )
    names = [shown] if shown else list(columns.scores[:1])
    title = describe(selection, dataset.split)
    write_output(flags.output, make_sheet(entries, names, title))
    return f'{flags.output}: {counted(len(entries), "example")}'


def run(argv: Sequence[str]) -> None:
    """Writes the page or the sheet that the flags ask for.

    Raises:
      UserError: a flag is wrong, or the examples cannot be read or written.
    """
    flags = _parser().parse_all(argv)
    _check(flags)
    ending = pathlib.PurePath(flags.output).suffix.lower()
    make: Callable[[argparse.Namespace, IndexedDataset, Console], str]
    make = _make_page if ending in _PAGE else _make_sheet
    try:
        dataset = IndexedDataset(flags.directory, flags.split, verify=True)
        line = make(flags, dataset, Console(stderr=True))
    except CorruptRecordError as error:
        raise UserError(str(error), exit_status=1) from error
    except (DatasetError, JoinError, IndexError, MissingExampleError) as error:
        raise UserError(str(error)) from error
    except (OSError, ValueError) as error:
        raise UserError(f'{flags.directory}: {error_text(error)}') from error
    print_line(Console(), line)
