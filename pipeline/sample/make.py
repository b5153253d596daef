"""``sample``: a small ImageNet-like data set, to build from and to measure with.

The synsets are the real ones, the index file has the published form, training
images lie in class folders and validation images flat, as in the original
archives. A few images are grey, progressive, PNG and CMYK, as some are in
ImageNet.
"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console
from rich.progress import track

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.options import OneLineParser, int_flag
from indexed_imagenet.sample import pictures
from indexed_imagenet.sample.check import check_sample
from indexed_imagenet.text import error_text

INDEX_FILE = 'imagenet_index.npz'
NOTE_FILE = 'sample.json'

# Which training images are not plain RGB JPEGs.
_PNG_IMAGE, _CMYK_IMAGE = 11, 12
_GREY_EVERY, _PROGRESSIVE_EVERY = 40, 25


@dataclasses.dataclass(frozen=True)
class Sample:
    """What a sample is made of.

    Attributes:
      train_images, validation_images: how many of each.
      classes: how many of the 1,000 synsets occur, spread evenly over the list.
      pictures: how many different pictures there are; images that share one
        differ in a comment in the file. 0: each image has its own.
      plain: whether all of them are RGB JPEGs.
    """

    train_images: int = 600
    validation_images: int = 100
    classes: int = 20
    pictures: int = 0
    plain: bool = False


def _encode(number: int, name: bytes, sample: Sample, cache: dict[int, bytes]) -> bytes:
    if not sample.plain and number < sample.train_images:
        pixels = pictures.make_pixels
        if number == _PNG_IMAGE:
            return pictures.encode_png(pixels(number))
        if number == _CMYK_IMAGE:
            return pictures.encode_cmyk(pixels(number))
        if number % _GREY_EVERY == 3:
            return pictures.encode_grey(pixels(number))
        if number % _PROGRESSIVE_EVERY == 4:
            return pictures.encode_rgb(pixels(number), progressive=True)
    if not sample.pictures:
        return pictures.encode_rgb(pictures.make_pixels(number))
    picture = number % sample.pictures
    if picture not in cache:
        pixels = pictures.make_pixels(picture)
        cache[picture] = pictures.encode_rgb(pixels)
    return pictures.add_comment(cache[picture], name)


def make_index(sample: Sample) -> dict[str, np.ndarray]:
    """The arrays of the index file, in the published form and an arbitrary order."""
    random = np.random.RandomState(0)
    labels = load_labels(str(SYNSETS_FILE), str(METADATA_FILE))
    synsets = [label.synset for label in labels]
    classes = np.linspace(0, len(synsets) - 1, sample.classes).astype(np.int64)
    train_labels = classes[np.arange(sample.train_images) % len(classes)]
    numbers = random.permutation(20 * sample.train_images)[: sample.train_images]
    train_names = [
        f'{synsets[label]}_{number}.JPEG'.encode()
        for label, number in zip(train_labels, numbers, strict=True)
    ]
    order = random.permutation(sample.train_images)
    test_order = random.permutation(sample.validation_images)
    return {
        'tr_filenames': np.array(train_names, 'S')[order],
        'tr_labels': train_labels[order],
        'tr_mem': random.beta(0.3, 0.7, sample.train_images),
        'tt_filenames': np.array(
            [f'ILSVRC2012_val_{number + 1:08d}.JPEG'.encode() for number in test_order],
            'S',
        ),
        'tt_labels': classes[random.randint(len(classes), size=len(test_order))],
    }


def _files(index: dict[str, np.ndarray], directory: pathlib.Path) -> Iterator:
    """Yields name and path of each image: training ones first, in index order."""
    for name in index['tr_filenames'].tolist():
        synset = name.decode().partition('_')[0]
        yield name, directory / 'train' / synset / name.decode()
    for name in index['tt_filenames'].tolist():
        yield name, directory / 'validation' / name.decode()


def make_sample(directory: pathlib.Path, sample: Sample, console: Console) -> None:
    """Makes a sample, unless it is there already.

    A note on its size comes first and the index file last, so that a sample
    that was broken off is gone on with and nothing else is ever written over.

    Raises:
      UserError: the directory holds something else, or cannot be written.
    """
    note = directory / NOTE_FILE
    parameters = json.dumps(dataclasses.asdict(sample))
    try:
        if directory.exists() and any(directory.iterdir()):
            if not note.exists():
                raise UserError(
                    f'--directory {directory} holds something else than a sample; choose '
                    'another'
                )
            if note.read_text() != parameters:
                raise UserError(
                    f'--directory {directory} holds a sample of another size; choose '
                    'another directory, or delete it'
                )
        if not (directory / INDEX_FILE).exists():
            directory.mkdir(parents=True, exist_ok=True)
            note.write_text(parameters)
            _make_images(directory, sample, console)
    except OSError as error:
        raise UserError(
            f'--directory {directory} cannot be used: {error_text(error)} '
            f'({error.filename}); choose another'
        ) from error


def _make_images(directory: pathlib.Path, sample: Sample, console: Console) -> None:
    index = make_index(sample)
    cache: dict[int, bytes] = {}
    targets = list(_files(index, directory))
    for folder in {path.parent for _, path in targets}:
        folder.mkdir(parents=True, exist_ok=True)
    steps = track(
        targets,
        'making the sample',
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    for number, (name, path) in enumerate(steps):
        path.write_bytes(_encode(number, name, sample, cache))
    unfinished = directory / f'unfinished-{INDEX_FILE}'
    np.savez(unfinished, **index)
    unfinished.rename(directory / INDEX_FILE)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = OneLineParser(
        prog='indexed-imagenet sample',
        description='Makes a small ImageNet-like sample, or checks what was built of it.',
        allow_abbrev=False,
    )
    defaults = Sample()
    parser.add_argument(
        '--directory', default='sample', help='where it goes (default: %(default)s)'
    )
    for name, what in (
        ('train_images', 'training images'),
        ('validation_images', 'validation images'),
        ('classes', 'classes'),
        ('pictures', 'different pictures, 0 for one an image'),
    ):
        parser.add_argument(
            f'--{name}',
            type=int_flag,
            metavar='N',
            default=getattr(defaults, name),
            help=f'{what} (default: %(default)s)',
        )
    parser.add_argument(
        '--plain', action='store_true', help='RGB JPEGs only, no PNG, CMYK or grey'
    )
    parser.add_argument(
        '--check',
        metavar='DIR',
        help='compare the TFRecords in DIR with the sample, with plain TensorFlow',
    )
    parser.add_argument('--verbose', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_all(argv)


def _sample_of(flags: argparse.Namespace) -> Sample:
    names = [field.name for field in dataclasses.fields(Sample)]
    for name, least, most in (
        ('train_images', 1, 10_000_000),
        ('validation_images', 1, 10_000_000),
        ('classes', 1, 1000),
        ('pictures', 0, 10_000_000),
    ):
        value = getattr(flags, name)
        if not least <= value <= most:
            raise UserError(f'--{name} is {value}, expected {least} to {most}')
    return Sample(**{name: getattr(flags, name) for name in names})


def run(argv: Sequence[str]) -> None:
    """Makes the sample if it is not there yet, or checks what was built from it.

    Raises:
      UserError: a flag is wrong, or the check found a difference.
    """
    flags = _parse(argv)
    directory, sample = pathlib.Path(flags.directory), _sample_of(flags)
    if flags.check:
        print(check_sample(directory / INDEX_FILE, pathlib.Path(flags.check)))
        return
    make_sample(directory, sample, Console(stderr=True))
    print(
        f'{directory} holds {sample.train_images:,} training and '
        f'{sample.validation_images:,} validation images'
    )
