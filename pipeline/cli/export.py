"""``export``: writes chosen examples as files."""

import argparse
from collections.abc import Sequence

from indexed_imagenet.errors import (
    CorruptRecordError,
    DatasetError,
    MissingExampleError,
    UserError,
)
from indexed_imagenet.flags import OneLineParser, int_flag
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.readers.export import CSV_FILE, export_examples
from indexed_imagenet.text import counted
from indexed_imagenet.transforms.formats.layout import SPLITS


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = OneLineParser(
        prog='indexed-imagenet export',
        usage='%(prog)s DIR --index 950353 12 … --output FOLDER [--split=train]',
        description=f'Writes examples as JPEGs named by their index, and {CSV_FILE}.',
        allow_abbrev=False,
    )
    parser.add_argument('directory', metavar='DIR', help='where the shards are')
    parser.add_argument(
        '--index',
        metavar='N',
        type=int_flag,
        nargs='+',
        required=True,
        help='the published indices of the examples',
    )
    parser.add_argument(
        '--output', metavar='FOLDER', required=True, help='a new or empty folder'
    )
    parser.add_argument(
        '--split', choices=SPLITS, default='train', help='default: %(default)s'
    )
    parser.add_argument('--verbose', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_all(argv)


def run(argv: Sequence[str]) -> None:
    """Writes the examples that the flags name.

    Raises:
      UserError: a flag is wrong, or an example cannot be read or written.
    """
    flags = _parse(argv)
    try:
        dataset = IndexedDataset(flags.directory, flags.split, verify=True)
        number = export_examples(dataset, flags.index, flags.output)
    except (DatasetError, IndexError, MissingExampleError) as error:
        raise UserError(str(error)) from error
    except CorruptRecordError as error:
        raise UserError(str(error), exit_status=1) from error
    print(f'{flags.output} holds {counted(number, "example")} and {CSV_FILE}')
