"""Which examples a page shows, and in which order."""

import dataclasses
import difflib
from collections.abc import Sequence

import numpy as np

from indexed_imagenet.errors import UserError
from indexed_imagenet.pages.columns import Columns
from indexed_imagenet.pages.where import select_where
from indexed_imagenet.readers.dataset import IndexedDataset


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """What a person asked to see.

    The conditions (``classes``, ``where``, ``converted``) hold together. Then one of
    ``top``, ``around`` and ``random`` chooses and orders; without them, the examples are
    in the order of the index, or of ``index``.

    Attributes:
      index: published indices, in the order to show.
      classes: synsets, labels or words; any of them.
      where: a condition; see ``where.py``.
      converted: only images that were converted from PNG or CMYK.
      top: a column: the highest first.
      lowest: with ``top``, the lowest first.
      around: a column and a value: the nearest first.
      random: how many, chosen at random.
      seed: of ``random``.
      count: how many at most; None for all.
    """

    index: Sequence[int] = ()
    classes: Sequence[str] = ()
    where: str | None = None
    converted: bool = False
    top: str | None = None
    lowest: bool = False
    around: tuple[str, float] | None = None
    random: int | None = None
    seed: int = 0
    count: int | None = None


def describe(selection: Selection, split: str) -> str:
    """Returns a title for what was asked for.

    >>> describe(Selection(classes=['pizza'], top='tr_mem'), 'train')
    'pizza · highest tr_mem · train'
    """
    parts = list(selection.classes)
    if selection.where is not None:
        parts.append(selection.where)
    if selection.converted:
        parts.append('converted')
    if selection.top is not None:
        parts.append(f'{"lowest" if selection.lowest else "highest"} {selection.top}')
    if selection.around is not None:
        name, value = selection.around
        parts.append(f'{name} around {value:g}')
    if selection.random is not None:
        parts.append(f'{selection.random:,} at random (seed {selection.seed})')
    if not parts:
        parts = ['chosen examples' if selection.index else 'all examples']
    return ' · '.join([*parts, split])


def labels_of_class(dataset: IndexedDataset, name: str) -> list[int]:
    """Returns the labels that a person may mean: a synset, a label, or a word.

    Raises:
      UserError: there is no such class.
    """
    classes = dataset.classes
    synsets = [image_class.synset for image_class in classes]
    if name in synsets:
        return [synsets.index(name)]
    if name.isdecimal() and int(name) < len(classes):
        return [int(name)]
    sought = name.casefold()
    words = [
        {word.strip().casefold() for word in image_class.text.split(',')}
        for image_class in classes
    ]
    found = [label for label, own in enumerate(words) if sought in own]
    if not found:
        known = [*synsets, *sorted(set().union(*words))]
        near = difflib.get_close_matches(sought, known, n=3)
        hint = f'; did you mean {" or ".join(near)}?' if near else ''
        raise UserError(
            f'--class {name!r} is not a class (expected a synset ID, a label or a word '
            f'of its name){hint}'
        )
    return found


def _candidates(columns: Columns, selection: Selection) -> np.ndarray:
    """Returns the indices that the conditions leave, ascending or as given."""
    dataset = columns.dataset
    if selection.index:
        chosen = dataset.subset(list(dict.fromkeys(selection.index))).indices
    else:
        chosen = dataset.indices
    if selection.converted:
        chosen = chosen[np.isin(chosen, dataset.converted)]
    if selection.classes:
        labels = [
            label
            for name in selection.classes
            for label in labels_of_class(dataset, name)
        ]
        chosen = chosen[np.isin(dataset.labels[chosen], labels)]
    if selection.where is not None:
        mask = select_where(selection.where, columns.makers, len(dataset))
        chosen = chosen[mask[chosen]]
    return chosen


def _ranked(chosen: np.ndarray, keys: np.ndarray, count: int | None) -> np.ndarray:
    """Returns the indices with the lowest keys first, without those that have none."""
    known = np.isfinite(keys)
    chosen, keys = chosen[known], keys[known]
    if count is not None and 0 < count < len(chosen):
        # Only what may be shown is sorted: of a million, this is ten times as fast.
        limit = np.partition(keys, count - 1)[count - 1]
        near = keys <= limit
        chosen, keys = chosen[near], keys[near]
    return chosen[np.argsort(keys, kind='stable')]


def select(columns: Columns, selection: Selection) -> np.ndarray:
    """Returns the indices of the examples to show, in order, int64.

    Raises:
      UserError: a flag names something that does not exist, or nothing is left.
      IndexError, MissingExampleError: an index is not in the data set.
    """
    chosen = _candidates(columns, selection)
    if selection.top is not None:
        keys = columns.score(selection.top)[chosen]
        chosen = _ranked(chosen, keys if selection.lowest else -keys, selection.count)
    elif selection.around is not None:
        name, value = selection.around
        keys = np.abs(columns.score(name)[chosen] - value)
        chosen = _ranked(chosen, keys, selection.count)
    elif selection.random is not None:
        draw = np.random.default_rng(selection.seed)
        size = min(selection.random, len(chosen))
        chosen = draw.choice(chosen, size, replace=False, shuffle=True)
    chosen = chosen[: selection.count]
    if not len(chosen):
        raise UserError('no example fits the flags; ask for less')
    return chosen.astype(np.int64)
