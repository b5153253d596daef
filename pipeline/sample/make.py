"""Makes a small ImageNet-like data set, to try a build on and to measure with.

The synsets are the real ones, and the index file has the published form. As in the
original archives, training images are in class folders and validation images are
flat. A few images are grey, progressive, PNG or CMYK, as some are in ImageNet.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.sample import pictures
from indexed_imagenet.sample.progress import show_progress
from indexed_imagenet.text import error_text

INDEX_FILE = 'imagenet_index.npz'
PARAMETERS_FILE = 'sample.json'

# The training images that are not baseline RGB JPEGs.
_PNG_IMAGE, _CMYK_IMAGE = 11, 12
_GREY_EVERY, _PROGRESSIVE_EVERY = 40, 25


@dataclasses.dataclass(frozen=True)
class Sample:
    """The parameters of a sample.

    Attributes:
      train_images: number of training images.
      validation_images: number of validation images.
      classes: number of synsets in use, spread evenly over the list of 1,000.
      pictures: number of different pictures; images with the same picture differ in
        a comment in the file. 0: every image has its own.
      plain: whether all images are RGB JPEGs.
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
        cache[picture] = pictures.encode_rgb(pictures.make_pixels(picture))
    return pictures.add_comment(cache[picture], name)


def make_index(sample: Sample) -> dict[str, np.ndarray]:
    """Makes the arrays of the index file, in the published form.

    Returns:
      For the training split (``tr``) and the validation split (``tt``), in an
      arbitrary but fixed order:
        ``{tr,tt}_filenames``: file names, bytes, shape [images].
        ``{tr,tt}_labels``: labels from 0, int64, shape [images].
        ``tr_mem``: memorization scores in [0, 1], float64, shape [images].
    """
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


def _images(
    index: dict[str, np.ndarray], directory: pathlib.Path
) -> Iterator[tuple[bytes, pathlib.Path]]:
    """Yields name and path of each image: training images first, in index order."""
    for name in index['tr_filenames'].tolist():
        synset = name.decode().partition('_')[0]
        yield name, directory / 'train' / synset / name.decode()
    for name in index['tt_filenames'].tolist():
        yield name, directory / 'validation' / name.decode()


def make_sample(directory: pathlib.Path, sample: Sample, console: Console) -> None:
    """Makes a sample, unless it exists.

    The file of its parameters is written first and the index file last, so a rerun
    recognizes an unfinished sample, and nothing else is ever overwritten.

    Args:
      directory: where to write it.
      sample: its parameters.
      console: where to show progress.

    Raises:
      UserError: the directory holds something else, or cannot be written.
    """
    parameters_file = directory / PARAMETERS_FILE
    parameters = json.dumps(dataclasses.asdict(sample))
    try:
        if directory.exists() and any(directory.iterdir()):
            if not parameters_file.exists():
                raise UserError(
                    f'--directory {directory} is not empty and not a sample; choose '
                    'another directory'
                )
            if parameters_file.read_text() != parameters:
                raise UserError(
                    f'--directory {directory} holds a sample made with other flags; '
                    'choose another directory, or delete it'
                )
        if not (directory / INDEX_FILE).exists():
            directory.mkdir(parents=True, exist_ok=True)
            parameters_file.write_text(parameters)
            _write_images(directory, sample, console)
    except OSError as error:
        raise UserError(
            f'--directory {directory} cannot be used: {error_text(error)} '
            f'({error.filename}); choose another directory'
        ) from error


def _write_images(directory: pathlib.Path, sample: Sample, console: Console) -> None:
    index = make_index(sample)
    cache: dict[int, bytes] = {}
    images = list(_images(index, directory))
    for folder in {path.parent for _, path in images}:
        folder.mkdir(parents=True, exist_ok=True)

    def written() -> Iterator[None]:
        for number, (name, path) in enumerate(images):
            path.write_bytes(_encode(number, name, sample, cache))
            yield

    show_progress(written(), len(images), 'making the sample', 'images', console)
    unfinished = directory / f'unfinished-{INDEX_FILE}'
    arrays: Any = index
    np.savez(unfinished, **arrays)
    unfinished.rename(directory / INDEX_FILE)
