"""Makes a small ImageNet-like data set, to try a build on and to measure with.

The synsets are the real ones, and the index file has the published form. As in the
original archives, training images are in class folders and validation images are
flat. A few images are grey, progressive, PNG or CMYK, as some are in ImageNet; a few
are hard to recognize, and a few do not show what their label says.
"""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console

from indexed_imagenet.errors import UserError
from indexed_imagenet.sample import pictures
from indexed_imagenet.sample.classes import CMYK_NAMES, PNG_NAME
from indexed_imagenet.sample.motifs import make_motif
from indexed_imagenet.sample.plan import (
    HARD,
    Sample,
    SplitPlan,
    load_synsets,
    plan_train,
    plan_validation,
)
from indexed_imagenet.sample.progress import show_progress
from indexed_imagenet.sample.scenes import make_scene
from indexed_imagenet.text import error_text

INDEX_FILE = 'imagenet_index.npz'
PARAMETERS_FILE = 'sample.json'

# Of the training images, every so many are grey or progressive.
_GREY_EVERY, _PROGRESSIVE_EVERY = 40, 25


@dataclasses.dataclass(frozen=True, slots=True)
class _Image:
    """An image to make.

    Attributes:
      number: its seed.
      name: its file name.
      path: where to write it.
      shown_label: label of what it shows.
      is_hard: whether that is hard to recognize.
      is_train: whether it is a training image.
    """

    number: int
    name: str
    path: pathlib.Path
    shown_label: int
    is_hard: bool
    is_train: bool

    def make_pixels(self) -> np.ndarray:
        """Returns its picture: RGB, uint8, shape [height, width, 3]."""
        motif = make_motif(load_synsets()[self.shown_label], self.shown_label)
        return make_scene(self.number, motif, self.is_hard)


def _encode(
    image: _Image, images: list[_Image], sample: Sample, cache: dict[int, bytes]
) -> bytes:
    if image.is_train and not sample.plain:
        if image.name == PNG_NAME:
            return pictures.encode_png(image.make_pixels())
        if image.name in CMYK_NAMES:
            return pictures.encode_cmyk(image.make_pixels())
        if image.number % _GREY_EVERY == 3:
            return pictures.encode_grey(image.make_pixels())
        if image.number % _PROGRESSIVE_EVERY == 4:
            return pictures.encode_rgb(image.make_pixels(), progressive=True)
    if not sample.pictures:
        return pictures.encode_rgb(image.make_pixels())
    picture = image.number % sample.pictures
    if picture not in cache:
        cache[picture] = pictures.encode_rgb(images[picture].make_pixels())
    return pictures.add_comment(cache[picture], image.name.encode())


def make_index(sample: Sample) -> dict[str, np.ndarray]:
    """Makes the arrays of the index file, in the published form.

    Returns:
      For the training split (``tr``) and the validation split (``tt``), in an
      arbitrary but fixed order:
        ``{tr,tt}_filenames``: file names, bytes, shape [images].
        ``{tr,tt}_labels``: labels from 0, int64, shape [images].
        ``tr_mem``: memorization scores in [0, 1], float64, shape [images].
    """
    train, validation = plan_train(sample), plan_validation(sample)
    return {
        'tr_filenames': train.names,
        'tr_labels': train.labels,
        'tr_mem': train.scores,
        'tt_filenames': validation.names,
        'tt_labels': validation.labels,
    }


def describe(sample: Sample) -> SplitPlan:
    """Returns what the training images are: which are hard, which are mislabelled.

    With ``pictures`` this does not hold for the files, which repeat a few pictures.
    """
    return plan_train(sample)


def _images(sample: Sample, directory: pathlib.Path) -> Iterator[_Image]:
    """Yields all images: training images first, in index order."""
    number = 0
    for plan, is_train in ((plan_train(sample), True), (plan_validation(sample), False)):
        columns = (plan.names.tolist(), plan.shown_labels.tolist(), plan.kinds.tolist())
        for name_bytes, shown_label, kind in zip(*columns, strict=True):
            name = name_bytes.decode()
            folder = directory / 'validation'
            if is_train:
                folder = directory / 'train' / name.partition('_')[0]
            yield _Image(number, name, folder / name, shown_label, kind == HARD, is_train)
            number += 1


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


def _usable_cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _write_images(directory: pathlib.Path, sample: Sample, console: Console) -> None:
    images = list(_images(sample, directory))
    for folder in {image.path.parent for image in images}:
        folder.mkdir(parents=True, exist_ok=True)
    cache: dict[int, bytes] = {}

    def write(image: _Image) -> None:
        image.path.write_bytes(_encode(image, images, sample, cache))

    # Threads suffice: drawing and encoding mostly run without Python's lock.
    pool = concurrent.futures.ThreadPoolExecutor(_usable_cores())
    try:
        written = pool.map(write, images)
        show_progress(written, len(images), 'making the sample', 'images', console)
    finally:
        pool.shutdown(cancel_futures=True)
    unfinished = directory / f'unfinished-{INDEX_FILE}'
    arrays: Any = make_index(sample)
    np.savez(unfinished, **arrays)
    unfinished.rename(directory / INDEX_FILE)
