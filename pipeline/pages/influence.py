"""Rows of influence: a training example and what it decides, or the other way round.

As the figures of Feldman and Zhang (2020): a training example with its memorization,
the test example that it influences most, and then others of the class, so that the
value of the first can be judged.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from indexed_imagenet.errors import UserError
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.scores.pairs import PublishedPairs

# Examples beside the first one of a row, as in the paper's figure.
NUM_CONTEXT = 4


@dataclasses.dataclass(frozen=True, slots=True)
class InfluenceRow:
    """One row of the page.

    Attributes:
      of: key of the example on the left.
      value: what is written under it: its memorization, or None.
      direction: an arrow from the training to the test examples.
      members: key and value of each example on the right, the strongest first; the
        value is None for those that the table of pairs does not have.
    """

    of: str
    value: str | None
    direction: str
    members: tuple[tuple[str, str | None], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class InfluencePage:
    """What an influence page needs to be filled.

    Attributes:
      train, test: the indices of the examples that it shows, int64, each once.
      rows: index on the left; memorization or None; (index, influence or None) of the
        examples on the right.
    """

    train: np.ndarray
    test: np.ndarray
    rows: tuple[tuple[int, float | None, tuple[tuple[int, float | None], ...]], ...]


def _strongest(keys: np.ndarray, influence: np.ndarray, count: int) -> list[int]:
    """Returns the keys with the strongest influence in any pair, each once."""
    order = np.argsort(-influence, kind='stable')
    found = dict.fromkeys(keys[order].tolist())
    return list(found)[:count]


def _context(
    own: Sequence[int], dataset: IndexedDataset, label: int, count: int
) -> list[int]:
    """Returns other examples of a class that are present, the first by index."""
    of_class = dataset.indices[dataset.labels[dataset.indices] == label]
    others: list[int] = of_class[~np.isin(of_class, own)][:count].tolist()
    return others


def plan_rows(
    pairs: PublishedPairs,
    train: IndexedDataset,
    test: IndexedDataset,
    chosen: Sequence[int] | None,
    count: int,
    by_test: bool,
) -> InfluencePage:
    """Plans a page.

    Args:
      pairs: the table.
      train, test: the two splits.
      chosen: indices for the left side; None for those of the strongest pairs.
      count: how many rows at most.
      by_test: test examples are on the left, instead of training examples.

    Raises:
      UserError: no pair is of the chosen examples, or the table does not fit.
    """
    for name, indices, dataset in (
        ('tr_idx', pairs.train, train),
        ('tt_idx', pairs.test, test),
    ):
        if len(indices) and indices.max() >= len(dataset):
            raise UserError(
                f'--pairs: {name} has the index {indices.max():,} (expected at most '
                f'{len(dataset) - 1:,}, the last of the {dataset.split} index); it is a '
                'table of another data set'
            )
    here = np.isin(pairs.train, train.indices) & np.isin(pairs.test, test.indices)
    left, right = (pairs.test, pairs.train) if by_test else (pairs.train, pairs.test)
    other = train if by_test else test
    left_dataset = test if by_test else train
    if chosen is None:
        lefts = _strongest(left[here], pairs.influence[here], count)
    else:
        lefts = [index for index in chosen if (left[here] == index).any()][:count]
    if not lefts:
        raise UserError(
            '--pairs has no pair of these examples whose two images are in the data set; '
            'choose other examples, or none'
        )
    rows = []
    for index in lefts:
        at = np.flatnonzero(here & (left == index))
        at = at[np.argsort(-pairs.influence[at], kind='stable')][: 1 + NUM_CONTEXT]
        members: list[tuple[int, float | None]] = [
            (int(right[each]), float(pairs.influence[each])) for each in at
        ]
        own = [member for member, _ in members]
        label = int(left_dataset.labels[index])
        missing = 1 + NUM_CONTEXT - len(members)
        members += [(each, None) for each in _context(own, other, label, missing)]
        memorization = None if by_test else float(pairs.memorization[at[0]])
        rows.append((index, memorization, tuple(members)))
    all_left = [index for index, _, _ in rows]
    all_right = list(dict.fromkeys(each for _, _, own in rows for each, _ in own))
    sides = (all_right, all_left) if by_test else (all_left, all_right)
    return InfluencePage(
        np.array(sides[0], np.int64), np.array(sides[1], np.int64), tuple(rows)
    )
