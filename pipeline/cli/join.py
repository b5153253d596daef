"""``join``: writes a published table in the order of the index."""

import argparse
from collections.abc import Sequence

from indexed_imagenet.errors import DatasetError, JoinError, UserError
from indexed_imagenet.flags import OneLineParser
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.scores.orders import ORDERS
from indexed_imagenet.scores.save import save_scores
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.formats.layout import SPLITS


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = OneLineParser(
        prog='indexed-imagenet join',
        usage='%(prog)s DIR --table FILE --output scores.csv [--order=torchvision]',
        description='Joins a table of scores with the published index, or says why not.',
        allow_abbrev=False,
    )
    parser.add_argument('directory', metavar='DIR', help='where the shards are')
    parser.add_argument(
        '--table',
        metavar='FILE',
        required=True,
        help='npz, npy, CSV, JSON, JSON lines or parquet; a path or URL',
    )
    parser.add_argument(
        '--output', metavar='FILE', required=True, help='ends in .csv, .npz or .parquet'
    )
    parser.add_argument(
        '--value',
        metavar='COLUMN',
        action='append',
        help='a column of values; repeat it for several (default: all)',
    )
    parser.add_argument('--on', metavar='COLUMN', help='the column of keys')
    parser.add_argument(
        '--order', choices=ORDERS, help='the order of a table without keys'
    )
    parser.add_argument(
        '--partial', action='store_true', help='accept a table that lacks examples'
    )
    parser.add_argument(
        '--many', action='store_true', help='accept several rows per example, as lists'
    )
    parser.add_argument('--higher_is', metavar='WORD', help='what a higher value means')
    parser.add_argument(
        '--split', choices=SPLITS, default='train', help='default: %(default)s'
    )
    parser.add_argument('--verbose', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_all(argv)


def run(argv: Sequence[str]) -> None:
    """Joins the table that the flags name, and reports how.

    Raises:
      UserError: a flag is wrong, or the table does not fit.
    """
    flags = _parse(argv)
    try:
        dataset = IndexedDataset(flags.directory, flags.split)
        joined = dataset.join(
            flags.table, flags.value, flags.on, flags.order, flags.partial, flags.many
        )
        higher_is = flags.higher_is or joined.higher_is
        save_scores(dataset, flags.output, joined.columns, higher_is)
    except (DatasetError, JoinError) as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(
            f'--output {flags.output} cannot be written: {error_text(error)}'
        ) from error
    print(f'{flags.output}: {joined.report}')
