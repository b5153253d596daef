"""``report``: describes a finished data set on one page."""

import argparse
from collections.abc import Sequence

from rich.console import Console

from indexed_imagenet.console import print_line
from indexed_imagenet.errors import CorruptRecordError, DatasetError, UserError
from indexed_imagenet.flags import OneLineParser
from indexed_imagenet.pages.output import check_output, write_output
from indexed_imagenet.pages.templates import check_installed
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.layout import SPLITS, manifest_path


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = OneLineParser(
        prog='indexed-imagenet report',
        usage='%(prog)s DIR --output report.html',
        description='Describes the finished splits of a directory on one self-contained '
        'HTML page: totals, class balance, sizes, images that were rejected or missing, '
        'identity, fingerprint.',
        allow_abbrev=False,
    )
    parser.add_argument('directory', metavar='DIR', help='where the shards are')
    parser.add_argument('--output', metavar='FILE', required=True, help='report.html')
    parser.add_argument('--verbose', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_all(argv)


def run(argv: Sequence[str]) -> None:
    """Writes the report.

    Raises:
      UserError: a flag is wrong, or the data set cannot be read.
    """
    flags = _parse(argv)
    check_output(flags.output, ('.html', '.htm'), '.html')
    check_installed()
    from indexed_imagenet.pages.build_report import make_report

    try:
        splits = [
            split
            for split in SPLITS
            if storage.size(manifest_path(flags.directory, split)) is not None
        ]
        if not splits:
            raise UserError(
                f'{flags.directory} has neither train.json nor validation.json (expected '
                'the manifest of a finished build); run the build command again'
            )
        html = make_report([IndexedDataset(flags.directory, each) for each in splits])
    except CorruptRecordError as error:
        raise UserError(str(error), exit_status=1) from error
    except DatasetError as error:
        raise UserError(str(error)) from error
    except (OSError, ValueError) as error:
        raise UserError(f'{flags.directory}: {error_text(error)}') from error
    write_output(flags.output, html)
    print_line(Console(), f'{flags.output}: {" and ".join(splits)}, {len(html):,} bytes')
