"""A worked example: which examples does a small model memorize?

    .venv/bin/python -m indexed_imagenet.scores.example sample-tfrecords \\
      --output memorization.npz

As Feldman and Zhang (2020) do with ImageNet: trains models on random subsets, chosen by
index; notes which examples each classifies correctly; estimates memorization and
influence; saves them with ``save_scores``, joins the file again, and lists the most
memorized examples. The models are kernel ridge regressions that fit their training
examples exactly, so this takes seconds for the sample. It is meant for thousands of
examples, not for ImageNet.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence

import numpy as np

from indexed_imagenet.errors import DatasetError, JoinError, UserError
from indexed_imagenet.flags import OneLineParser, int_flag
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.scores.estimators import (
    influences_above,
    memorization,
    top_influences,
)
from indexed_imagenet.scores.features import image_features, load_pixels, make_filters
from indexed_imagenet.scores.pairs import PublishedPairs, write_pairs
from indexed_imagenet.text import counted

# The paper trains each model on 70 % of the examples.
_SHARE = 0.7
_WIDTH = 0.1
_RIDGE = 1e-3
# That of the published table of pairs.
MIN_INFLUENCE = 0.15
# Kernel matrices of more examples do not fit a laptop's memory.
_MAX_EXAMPLES = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Runs:
    """What the models of all runs did.

    Attributes:
      masks: whether a run was trained with an example, bool, [runs, n].
      correct: whether it classified a training example correctly, bool, [runs, n].
      test_correct: the same of validation examples, bool, [runs, m].
      margin: mean margin, over the runs without an example, of its label before the
        best other one, float64, [n]: the lower, the more surely it was taken for
        something else.
    """

    masks: np.ndarray
    correct: np.ndarray
    test_correct: np.ndarray
    margin: np.ndarray


def _kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    squares = (left**2).mean(axis=1)[:, None] + (right**2).mean(axis=1)
    kernel: np.ndarray = np.exp(
        -_WIDTH * (squares - 2 / left.shape[1] * (left @ right.T))
    )
    return kernel


def run_models(
    train: IndexedDataset, test: IndexedDataset, num_runs: int, seed: int
) -> Runs:
    """Trains a model per random subset, and notes what each classifies correctly."""
    random = np.random.RandomState(seed)
    pixels, test_pixels = load_pixels(train), load_pixels(test)
    filters = make_filters(pixels, random)
    features = image_features(pixels, filters).astype(np.float64)
    test_features = image_features(test_pixels, filters).astype(np.float64)
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-3
    features, test_features = (
        (each - mean) / deviation for each in (features, test_features)
    )
    kernel = _kernel(features, features)
    test_kernel = _kernel(test_features, features)

    number = len(train)
    everyone = np.arange(number)
    classes, targets = np.unique(train.labels, return_inverse=True)
    one_hot = 2 * np.eye(len(classes))[targets] - 1
    masks = np.zeros((num_runs, number), bool)
    correct = np.zeros((num_runs, number), bool)
    test_correct = np.zeros((num_runs, len(test)), bool)
    margins, times_out = np.zeros(number), np.zeros(number)
    for run in range(num_runs):
        chosen = random.permutation(number)[: round(_SHARE * number)]
        masks[run, chosen] = True
        ridge = _RIDGE * np.eye(len(chosen))
        weights = np.linalg.solve(kernel[np.ix_(chosen, chosen)] + ridge, one_hot[chosen])
        outputs = kernel[:, chosen] @ weights
        predicted = (test_kernel[:, chosen] @ weights).argmax(axis=1)
        test_correct[run] = classes[predicted] == test.labels
        own = outputs[everyone, targets]
        outputs[everyone, targets] = -np.inf
        margin = own - outputs.max(axis=1)
        correct[run] = margin > 0
        margins += np.where(masks[run], 0, margin)
        times_out += ~masks[run]
    with np.errstate(invalid='ignore'):
        return Runs(masks, correct, test_correct, margins / times_out)


def most_memorized(memorized: np.ndarray, margin: np.ndarray, n: int) -> np.ndarray:
    """Returns the indices of the most memorized examples, int64, shape [n].

    Examples that no model classifies correctly without them share the highest value;
    those come first that the models took most surely for something else.
    """
    known = np.flatnonzero(np.isfinite(memorized))
    order = np.lexsort((margin[known], -memorized[known]))
    chosen: np.ndarray = known[order[:n]]
    return chosen


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = OneLineParser(
        prog='python -m indexed_imagenet.scores.example',
        usage='%(prog)s DIR --output memorization.npz [--runs=200] [--n=10]',
        description='Estimates memorization and influence with small models.',
        allow_abbrev=False,
    )
    parser.add_argument('directory', metavar='DIR', help='where the shards are')
    parser.add_argument(
        '--output', metavar='FILE', required=True, help='ends in .csv, .npz or .parquet'
    )
    parser.add_argument(
        '--pairs',
        metavar='FILE',
        help='also write the influences of at least 0.15, as the published table has '
        'them (.npz)',
    )
    for name, default, what in (
        ('runs', 200, 'number of models'),
        ('n', 10, 'how many examples to list'),
        ('seed', 0, 'of the random subsets'),
    ):
        parser.add_argument(
            f'--{name}',
            type=int_flag,
            metavar='N',
            default=default,
            help=f'{what} (default: %(default)s)',
        )
    return parser.parse_all(argv)


def _print_top(train: IndexedDataset, path: str, n: int) -> None:
    columns = train.join(path).columns
    memorized, margin = columns['memorization'], columns['margin']
    print('memorization   index  name                    class')
    for index in most_memorized(memorized, margin, n).tolist():
        image_class = train.classes[int(train.labels[index])]
        text = image_class.text.partition(',')[0]
        name = train.filenames[index]
        print(f'{memorized[index]:12.3f}  {index:6}  {name:22}  {text}')


def run(argv: Sequence[str]) -> None:
    """Runs the example.

    Raises:
      UserError: a flag is wrong, or the data set does not suit.
    """
    flags = _parse(argv)
    if flags.pairs and not flags.pairs.endswith('.npz'):
        raise UserError(f'--pairs {flags.pairs} must end in .npz')
    if flags.runs < 2:
        raise UserError(f'--runs is {flags.runs} (expected at least 2)')
    try:
        train = IndexedDataset(flags.directory)
        test = IndexedDataset(flags.directory, 'validation')
        for dataset in (train, test):
            dataset.dense_indices()
        if len(train) > _MAX_EXAMPLES:
            raise UserError(
                f'{flags.directory} has {len(train):,} training examples (expected at '
                f'most {_MAX_EXAMPLES:,}); use indexed_imagenet.estimators with your own '
                'training runs'
            )
        runs = run_models(train, test, flags.runs, flags.seed)
        estimate = memorization(runs.masks, runs.correct)
        train.save_scores(
            flags.output,
            higher_is='more memorized',
            memorization=estimate.values,
            standard_error=estimate.standard_errors,
            margin=runs.margin,
        )
    except (DatasetError, JoinError, KeyError) as error:
        raise UserError(str(error)) from error
    print(
        f'{flags.runs} models are right about {runs.correct[runs.masks].mean():.1%} of '
        f'the examples they were trained with, {runs.correct[~runs.masks].mean():.1%} of '
        f'the others, and {runs.test_correct.mean():.1%} of validation'
    )
    _print_top(train, flags.output, flags.n)
    pairs = top_influences(runs.masks, runs.test_correct, 1)
    if len(pairs.influence):
        best = int(pairs.influence.argmax())
        source, target = int(pairs.train[best]), int(pairs.test[best])
        print(
            f'the strongest influence, {pairs.influence[best]:.3f}, is of training '
            f'example {source} ({train.filenames[source]}) on validation example '
            f'{target} ({test.filenames[target]})'
        )
    print(f'{flags.output} holds the scores, by index and name')
    if flags.pairs:
        strong = influences_above(runs.masks, runs.test_correct, MIN_INFLUENCE)
        table = PublishedPairs(
            strong.train, strong.test, strong.influence, estimate.values[strong.train]
        )
        write_pairs(flags.pairs, table)
        print(f'{flags.pairs} holds {counted(len(strong.train), "pair")}')


if __name__ == '__main__':
    try:
        run(sys.argv[1:])
    except UserError as user_error:
        sys.exit(f'error: {user_error}')
