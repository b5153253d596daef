"""Decides what a sample consists of: names, labels, and what each image shows."""

import dataclasses
import functools

import numpy as np

from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.sample.classes import CONVERTED_NAMES, choose_classes

TYPICAL, HARD, MISLABELLED = 'typical', 'hard', 'mislabelled'

# The shares of hard and mislabelled training images, and the ranges of their
# memorization scores.
_SHARES = {HARD: 0.08, MISLABELLED: 0.04}
_SCORES = {TYPICAL: (0.0, 0.3), HARD: (0.4, 0.8), MISLABELLED: (0.8, 1.0)}


@dataclasses.dataclass(frozen=True)
class Sample:
    """The parameters of a sample.

    Attributes:
      train_images: number of training images.
      validation_images: number of validation images.
      classes: number of synsets in use, 1 to 1,000.
      pictures: number of different pictures, for benchmarks: they are repeated in
        turn, whatever the class, and differ in a comment in the file. 0: every image
        has its own.
      plain: whether all images are RGB JPEGs.
    """

    train_images: int = 600
    validation_images: int = 100
    classes: int = 20
    pictures: int = 0
    plain: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class SplitPlan:
    """What the images of a split are, in index order.

    Attributes:
      names: file names, bytes, shape [images].
      labels: labels from 0 as in the index file, int64, shape [images].
      shown_labels: labels of what the images show; these differ from ``labels`` for
        mislabelled images only. int64, shape [images].
      kinds: 'typical', 'hard' or 'mislabelled', shape [images].
      scores: memorization scores in [0, 1], float64, shape [images].
    """

    names: np.ndarray
    labels: np.ndarray
    shown_labels: np.ndarray
    kinds: np.ndarray
    scores: np.ndarray


@functools.cache
def load_synsets() -> tuple[str, ...]:
    """Returns the packaged synsets, in label order."""
    labels = load_labels(str(SYNSETS_FILE), str(METADATA_FILE))
    return tuple(label.synset for label in labels)


def _make_names(
    labels: np.ndarray, numbers: np.ndarray, with_converted: bool
) -> list[bytes]:
    """Returns the names of training images; the names of converted images come first.

    The first image of a class has the name of its converted image, if there is one.
    No other image has such a name.
    """
    synsets = load_synsets()
    converted = {name.partition('_')[0]: name for name in CONVERTED_NAMES}
    names = []
    for label, number in zip(labels.tolist(), numbers.tolist(), strict=True):
        synset = synsets[label]
        name = f'{synset}_{number}.JPEG'
        if with_converted and synset in converted:
            name = converted.pop(synset)
        elif name in CONVERTED_NAMES:
            name = f'{synset}_{number + 20 * len(labels)}.JPEG'
        names.append(name.encode())
    return names


def plan_train(sample: Sample) -> SplitPlan:
    """Decides what the training images of a sample are.

    About 8 % are hard and 4 % are mislabelled: they show another class than that of
    their label, name and folder. Memorization scores are below 0.3 for typical, 0.4 to
    0.8 for hard and 0.8 to 1 for mislabelled images.
    """
    random = np.random.RandomState(0)
    count = sample.train_images
    classes = choose_classes(load_synsets(), sample.classes)
    places = np.arange(count) % len(classes)
    numbers = random.permutation(20 * count)[:count]
    names = _make_names(classes[places], numbers, with_converted=not sample.plain)
    order = random.permutation(count)

    kinds = np.full(count, TYPICAL, f'U{len(MISLABELLED)}')
    unusual = random.permutation(count)
    num_hard = round(_SHARES[HARD] * count)
    kinds[unusual[:num_hard]] = HARD
    if len(classes) > 1:
        num_mislabelled = round(_SHARES[MISLABELLED] * count)
        kinds[unusual[num_hard : num_hard + num_mislabelled]] = MISLABELLED
    steps = random.randint(1, max(2, len(classes)), count) * (kinds == MISLABELLED)
    shown_labels = classes[(places + steps) % len(classes)]

    # Squares make low scores the most frequent ones of each kind.
    scores = random.uniform(0, 1, count) ** 2
    for kind, (least, most) in _SCORES.items():
        scores[kinds == kind] = least + (most - least) * scores[kinds == kind]
    return SplitPlan(
        names=np.array(names, 'S')[order],
        labels=classes[places][order],
        shown_labels=shown_labels[order],
        kinds=kinds[order],
        scores=scores[order],
    )


def plan_validation(sample: Sample) -> SplitPlan:
    """Decides what the validation images of a sample are: all of them are typical."""
    random = np.random.RandomState(1)
    count = sample.validation_images
    classes = choose_classes(load_synsets(), sample.classes)
    order = random.permutation(count)
    names = [f'ILSVRC2012_val_{number + 1:08d}.JPEG'.encode() for number in order]
    labels = classes[random.randint(len(classes), size=count)]
    return SplitPlan(
        names=np.array(names, 'S'),
        labels=labels,
        shown_labels=labels,
        kinds=np.full(count, TYPICAL),
        scores=np.zeros(count),
    )
