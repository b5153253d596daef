"""``sample``: makes the sample data set, or checks what was built from it."""

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence

from rich.console import Console

from indexed_imagenet.errors import UserError
from indexed_imagenet.flags import OneLineParser, int_flag
from indexed_imagenet.sample.check import check_sample
from indexed_imagenet.sample.make import INDEX_FILE, make_sample
from indexed_imagenet.sample.plan import Sample

# The smallest and largest value of each number.
_LIMITS = {
    'train_images': (1, 10_000_000),
    'validation_images': (1, 10_000_000),
    'classes': (1, 1000),
    'pictures': (0, 10_000_000),
}


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = OneLineParser(
        prog='indexed-imagenet sample',
        description='Makes a small ImageNet-like data set, or checks the TFRecords that '
        'were built from it.',
        allow_abbrev=False,
    )
    defaults = Sample()
    parser.add_argument(
        '--directory',
        metavar='DIR',
        default='sample',
        help='where to write the sample (default: %(default)s)',
    )
    for name, what in (
        ('train_images', 'number of training images'),
        ('validation_images', 'number of validation images'),
        ('classes', 'number of classes'),
        ('pictures', 'number of different pictures; 0: one per image'),
    ):
        parser.add_argument(
            f'--{name}',
            type=int_flag,
            metavar='N',
            default=getattr(defaults, name),
            help=f'{what} (default: %(default)s)',
        )
    parser.add_argument(
        '--plain', action='store_true', help='RGB JPEGs only: no PNG, CMYK or grey'
    )
    parser.add_argument(
        '--check',
        metavar='DIR',
        help='compare the TFRecords in DIR with the sample, using plain TensorFlow',
    )
    parser.add_argument('--verbose', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_all(argv)


def _to_sample(flags: argparse.Namespace) -> Sample:
    for name, (least, most) in _LIMITS.items():
        value = getattr(flags, name)
        if not least <= value <= most:
            raise UserError(f'--{name} is {value}, expected {least} to {most}')
    names = [field.name for field in dataclasses.fields(Sample)]
    return Sample(**{name: getattr(flags, name) for name in names})


def run(argv: Sequence[str]) -> None:
    """Makes the sample if it does not exist yet, or checks what was built from it.

    Raises:
      UserError: a flag is invalid, or the check found a difference.
    """
    flags = _parse(argv)
    directory, sample = pathlib.Path(flags.directory), _to_sample(flags)
    if flags.check:
        print(check_sample(directory / INDEX_FILE, pathlib.Path(flags.check)))
        return
    make_sample(directory, sample, Console(stderr=True))
    print(
        f'{directory} holds {sample.train_images:,} training and '
        f'{sample.validation_images:,} validation images'
    )
