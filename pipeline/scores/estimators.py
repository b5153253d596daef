"""Memorization and influence from training runs on random subsets.

As in Feldman and Zhang (2020), equations 1 and 2: the memorization of a training example
is its mean correctness over the runs that were trained with it, minus the mean over
those trained without it; its influence on a test example is the same difference of that
test example's correctness.

Influence of 1.28 million examples on 50,000 is 256 GB, so it is never one dense matrix:
it comes class by class, as the strongest few per test example, or as the pairs above a
threshold.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

# Training examples whose influence is computed at once.
_BLOCK = 4096

_AUX_KEYS = (
    'subsample_idx',
    *(f'index_{part}' for part in ('train', 'removed', 'test')),
    *(f'correctness_{part}' for part in ('train', 'removed', 'test')),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Estimate:
    """A difference of means, and how sure it is.

    Attributes:
      values: float64; NaN where an example was never in, or never out.
      standard_errors: of the values, float64.
    """

    values: np.ndarray
    standard_errors: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class InfluencePairs:
    """Chosen pairs of a training and a test example.

    Attributes:
      train, test: positions of the two, int64.
      influence: of the first on the second, float64.
    """

    train: np.ndarray
    test: np.ndarray
    influence: np.ndarray


def _check(masks: np.ndarray, correct: np.ndarray, what: str) -> None:
    if masks.ndim != 2 or masks.dtype != bool:
        raise ValueError(
            f'masks have dtype {masks.dtype} and shape {masks.shape} (expected booleans, '
            'runs × training examples)'
        )
    if correct.ndim != 2 or correct.dtype != bool or len(correct) != len(masks):
        raise ValueError(
            f'{what} has dtype {correct.dtype} and shape {correct.shape} (expected '
            f'booleans, {len(masks)} runs × examples)'
        )


def _difference(
    total_in: np.ndarray, number_in: np.ndarray, total: np.ndarray, runs: int
) -> Estimate:
    """Returns mean in − mean out of booleans, from counts."""
    number_out = runs - number_in
    with np.errstate(divide='ignore', invalid='ignore'):
        mean_in = total_in / number_in
        mean_out = (total - total_in) / number_out
        variance = mean_in * (1 - mean_in) / number_in
        variance += mean_out * (1 - mean_out) / number_out
    values = mean_in - mean_out
    known = np.isfinite(values)
    return Estimate(
        np.where(known, values, np.nan), np.where(known, np.sqrt(variance), np.nan)
    )


def memorization(masks: np.ndarray, correct: np.ndarray) -> Estimate:
    """Estimates the memorization of each training example.

    Args:
      masks: bool, shape [runs, n]: whether a run was trained with an example.
      correct: bool, shape [runs, n]: whether it then classified it correctly.

    Raises:
      ValueError: shapes or dtypes do not fit.
    """
    _check(masks, correct, 'correct')
    if correct.shape != masks.shape:
        raise ValueError(f'correct has shape {correct.shape} (expected {masks.shape})')
    number_in = masks.sum(axis=0, dtype=np.float64)
    total_in = np.empty(masks.shape[1])
    for start in range(0, masks.shape[1], 1 << 18):
        part = slice(start, start + (1 << 18))
        both = masks[:, part] & correct[:, part]
        total_in[part] = both.sum(axis=0, dtype=np.float64)
    total = correct.sum(axis=0, dtype=np.float64)
    return _difference(total_in, number_in, total, len(masks))


def influence_block(
    masks: np.ndarray, test_correct: np.ndarray, train: np.ndarray, test: np.ndarray
) -> Estimate:
    """Estimates the influence of some training examples on some test examples.

    Args:
      masks: bool, shape [runs, n].
      test_correct: bool, shape [runs, m]: whether a run classified a test example
        correctly.
      train, test: positions, shapes [a] and [b].

    Returns:
      Values of shape [a, b].
    """
    _check(masks, test_correct, 'test_correct')
    inside = masks[:, train].astype(np.float32)
    right = test_correct[:, test].astype(np.float32)
    # Counts of up to 16 million runs are exact in float32.
    total_in = (inside.T @ right).astype(np.float64)
    number_in = inside.sum(axis=0, dtype=np.float64)[:, None]
    total = right.sum(axis=0, dtype=np.float64)[None, :]
    return _difference(total_in, number_in, total, len(masks))


def influence_by_class(
    masks: np.ndarray,
    test_correct: np.ndarray,
    train_labels: np.ndarray,
    test_labels: np.ndarray,
) -> Iterator[tuple[int, np.ndarray, np.ndarray, Estimate]]:
    """Yields label, training positions, test positions and influence of each class.

    As the authors published it: influence within a class, shape [a, b].
    """
    for label in np.unique(test_labels).tolist():
        train = np.flatnonzero(train_labels == label)
        test = np.flatnonzero(test_labels == label)
        yield label, train, test, influence_block(masks, test_correct, train, test)


def _blocks(
    masks: np.ndarray, test_correct: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields positions of training examples, and their influence on all test examples.

    Without those that were never in, or never out, whose influence is unknown.
    """
    _check(masks, test_correct, 'test_correct')
    number_in = masks.sum(axis=0, dtype=np.int64)
    known = np.flatnonzero((number_in > 0) & (number_in < len(masks)))
    right = test_correct.astype(np.float32)
    total = right.sum(axis=0, dtype=np.float64)
    for start in range(0, len(known), _BLOCK):
        train = known[start : start + _BLOCK]
        # Counts of up to 16 million runs are exact in float32.
        total_in = (masks[:, train].astype(np.float32).T @ right).astype(np.float64)
        times_in = number_in[train, None]
        mean_out = (total - total_in) / (len(masks) - times_in)
        yield train, total_in / times_in - mean_out


def top_influences(masks: np.ndarray, test_correct: np.ndarray, k: int) -> InfluencePairs:
    """Returns the ``k`` training examples that influence each test example most.

    Args:
      masks: bool, shape [runs, n].
      test_correct: bool, shape [runs, m].
      k: how many per test example, at least 1.

    Returns:
      At most k × m pairs, by test example, the strongest first; of equal ones the lower
      position.
    """
    if k < 1:
        raise ValueError(f'k is {k} (expected at least 1)')
    best = InfluencePairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    # The k-th strongest so far: later examples must be stronger, since positions ascend.
    least = np.full(test_correct.shape[1], -np.inf)
    for train, values in _blocks(masks, test_correct):
        chosen = values > least
        if np.count_nonzero(chosen) > k * len(least) and len(train) > k:
            chosen &= values >= np.partition(values, -k, axis=0)[-k]
        rows, tests = np.nonzero(chosen)
        if not len(rows):
            continue
        both = InfluencePairs(
            np.concatenate([best.train, train[rows]]),
            np.concatenate([best.test, tests]),
            np.concatenate([best.influence, values[rows, tests]]),
        )
        best = _strongest(both, k)
        last = np.flatnonzero(_place_in_group(best.test) == k - 1)
        least[best.test[last]] = best.influence[last]
    return best


def _place_in_group(groups: np.ndarray) -> np.ndarray:
    """Returns how many equal values precede each value of a sorted array."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)


def _strongest(pairs: InfluencePairs, k: int) -> InfluencePairs:
    """Returns at most ``k`` pairs per test example, sorted."""
    order = np.lexsort((pairs.train, -pairs.influence, pairs.test))
    order = order[_place_in_group(pairs.test[order]) < k]
    return InfluencePairs(pairs.train[order], pairs.test[order], pairs.influence[order])


def influences_above(
    masks: np.ndarray, test_correct: np.ndarray, threshold: float
) -> InfluencePairs:
    """Returns all pairs whose influence is above a threshold, by training example."""
    trains = [np.zeros(0, np.int64)]
    tests = [np.zeros(0, np.int64)]
    values = [np.zeros(0)]
    for train, block in _blocks(masks, test_correct):
        rows, columns = np.nonzero(block > threshold)
        trains.append(train[rows])
        tests.append(columns)
        values.append(block[rows, columns])
    return InfluencePairs(
        np.concatenate(trains), np.concatenate(tests), np.concatenate(values)
    )


def read_aux_arrays(
    paths: list[str], num_train: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads the arrays that the authors' own training script leaves after each run.

    ``aux_arrays.npz`` holds ``subsample_idx``, and for ``train``, ``removed`` and
    ``test`` the ``index_…`` of examples and their ``correctness_…``; its test set is the
    validation set.

    Args:
      paths: one file per run.
      num_train: length of the training index.

    Returns:
      masks [runs, n], correctness of training examples [runs, n], and of test examples
      [runs, m], all bool.

    Raises:
      ValueError: a file lacks an array, or runs have different test sets.
    """
    masks = np.zeros((len(paths), num_train), bool)
    correct = np.zeros((len(paths), num_train), bool)
    tests = []
    for run, path in enumerate(paths):
        with np.load(path, allow_pickle=False) as arrays:
            missing = [key for key in _AUX_KEYS if key not in arrays.files]
            if missing:
                raise ValueError(f'{path} has no {missing[0]!r}')
            masks[run, arrays['subsample_idx']] = True
            for part in ('train', 'removed'):
                right = arrays[f'correctness_{part}'] > 0.5
                correct[run, arrays[f'index_{part}'][right]] = True
            test = np.zeros(len(arrays['index_test']), bool)
            if sorted(arrays['index_test'].tolist()) != list(range(len(test))):
                raise ValueError(f'{path}: index_test is not 0 to {len(test) - 1}')
            test[arrays['index_test']] = arrays['correctness_test'] > 0.5
        tests.append(test)
    if len({len(test) for test in tests}) > 1:
        raise ValueError('the runs have test sets of different sizes')
    return masks, correct, np.array(tests)
