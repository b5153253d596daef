"""The promised order: which shard an example is in, and where within it.

    rank  = numpy.random.RandomState(seed).permutation(num_examples)[index]
    shard = rank * num_shards // num_examples

Within a shard, examples are in the order of their ranks. A place depends on index,
length of the index, seed and number of shards alone: not on which other images were
found, on the order they were listed in, or on the machine.
"""

import dataclasses
import functools

import numpy as np

MAX_SEED = (1 << 32) - 1


@functools.lru_cache(maxsize=2)  # a process may work on both splits
def _ranks(num_examples: int, seed: int) -> np.ndarray:
    # RandomState's stream is promised never to change; Generator's is not.
    ranks = np.random.RandomState(seed).permutation(num_examples)
    return ranks.astype(np.int32)


@functools.lru_cache(maxsize=2)  # a process may work on both splits
def _indices_by_rank(num_examples: int, seed: int) -> np.ndarray:
    indices = np.empty(num_examples, np.int32)
    indices[_ranks(num_examples, seed)] = np.arange(num_examples, dtype=np.int32)
    return indices


@dataclasses.dataclass(frozen=True, slots=True)
class Shuffle:
    """The seeded shuffle of one split into shards.

    Attributes:
      num_examples: length of the split's index.
      num_shards: number of shard files, 1 to ``num_examples``.
      seed: 0 to 2³² − 1, as ``numpy.random.RandomState`` takes it.
    """

    num_examples: int
    num_shards: int
    seed: int

    def __post_init__(self) -> None:
        if self.num_examples < 1:
            raise ValueError(f'num_examples is {self.num_examples} (expected at least 1)')
        if not 1 <= self.num_shards <= self.num_examples:
            raise ValueError(
                f'num_shards is {self.num_shards} (expected 1 to {self.num_examples}, '
                'the number of examples in the index)'
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise ValueError(f'seed is {self.seed} (expected 0 to {MAX_SEED})')

    def ranks(self, index: np.ndarray) -> np.ndarray:
        """Returns the positions of examples in the shuffled order, from 0, int64."""
        ranks: np.ndarray = _ranks(self.num_examples, self.seed)[index]
        return ranks.astype(np.int64)

    def shards(self, index: np.ndarray) -> np.ndarray:
        """Returns the shards of examples, from 0, int64."""
        return self.ranks(index) * self.num_shards // self.num_examples

    def expected(self, shard: int) -> np.ndarray:
        """Returns the indices that belong in one shard, in the order of their ranks."""
        first = -(-shard * self.num_examples // self.num_shards)
        end = -(-(shard + 1) * self.num_examples // self.num_shards)
        return _indices_by_rank(self.num_examples, self.seed)[first:end]

    def in_order(self, rows: np.ndarray) -> np.ndarray:
        """Returns the rows of one shard in the order of their ranks."""
        return rows[np.argsort(self.ranks(rows['index']), kind='stable')]
