"""Gives every example its place: which shard, and where within it.

A place is a function of index, number of examples, seed and number of shards
alone. It does not depend on which other images are there, on the order they
are listed in, or on the machine.
"""

import dataclasses
import functools
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
from apache_beam.transforms.window import GlobalWindows

from indexed_imagenet.transforms.rows import join_rows, pack_rows

# Rows held back until they are sorted by shard and packed: 75 bytes each, so
# 5 MB a worker thread. Of the full training set, 64 rows then share a block.
ROWS_HELD = 1 << 16


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


@dataclasses.dataclass(frozen=True)
class Shuffle:
    """The seeded shuffle of one split.

    Attributes:
      num_examples: N, the length of the split's index.
      num_shards: number of shard files, 1 to N.
      seed: 0 to 2³² − 1, as ``numpy.random.RandomState`` takes it.
    """

    num_examples: int
    num_shards: int
    seed: int

    def __post_init__(self):
        if self.num_examples < 1:
            raise ValueError(f'num_examples is {self.num_examples}, expected at least 1')
        if not 1 <= self.num_shards <= self.num_examples:
            raise ValueError(
                f'num_shards is {self.num_shards}, expected 1 to {self.num_examples}, '
                'the number of examples in the index'
            )
        if not 0 <= self.seed < 1 << 32:
            raise ValueError(f'seed is {self.seed}, expected 0 to {(1 << 32) - 1}')

    def ranks(self, index: np.ndarray) -> np.ndarray:
        """The place of examples in the shuffled order, from 0, as int64."""
        return _ranks(self.num_examples, self.seed)[index].astype(np.int64)

    def shards(self, index: np.ndarray) -> np.ndarray:
        """The shard of examples, from 0, as int64."""
        return self.ranks(index) * self.num_shards // self.num_examples

    def expected(self, shard: int) -> np.ndarray:
        """The indices that belong into one shard, in the order of their ranks."""
        first = -(-shard * self.num_examples // self.num_shards)
        end = -(-(shard + 1) * self.num_examples // self.num_shards)
        return _indices_by_rank(self.num_examples, self.seed)[first:end]

    def in_order(self, rows: np.ndarray) -> np.ndarray:
        """Rows of one shard, in the order of their ranks."""
        return rows[np.argsort(self.ranks(rows['index']), kind='stable')]


def split_by_shard(
    rows: np.ndarray, shuffle: Shuffle
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields each shard that has rows here, with those rows."""
    shards = shuffle.shards(rows['index'])
    order = np.argsort(shards, kind='stable')
    present, starts = np.unique(shards[order], return_index=True)
    parts = np.split(order, starts[1:])
    for shard, part in zip(present.tolist(), parts, strict=True):
        yield shard, rows[part]


class _PackByShard(beam.DoFn):
    """Collects rows over a bundle, so that a block holds more than a row or two."""

    def __init__(self, shuffle: Shuffle):
        self._placement = shuffle

    def start_bundle(self):
        self._held = []
        self._num_held = 0

    def process(self, rows: np.ndarray):
        if not len(rows):
            empty = pack_rows(rows)
            for shard in range(self._placement.num_shards):
                yield shard, empty
            return
        self._held.append(rows)
        self._num_held += len(rows)
        if self._num_held >= ROWS_HELD:
            yield from self._flush()

    def finish_bundle(self):
        for keyed in self._flush():
            yield GlobalWindows.windowed_value(keyed)

    def _flush(self) -> Iterator[tuple[int, bytes]]:
        held, self._held, self._num_held = self._held, [], 0
        if not held:
            return
        for shard, rows in split_by_shard(join_rows(held), self._placement):
            yield shard, pack_rows(rows)


class ShuffleRows(beam.PTransform):
    """Takes arrays of rows, gives (shard, packed block of rows).

    An array without rows asks for every shard: each gets a block then, an empty
    one. A group-by-key emits no key without values, but every shard file must
    exist, so one such array must come.
    """

    def __init__(self, shuffle: Shuffle):
        super().__init__()
        self._placement = shuffle

    def expand(self, rows):
        return rows | 'Pack rows by shard' >> beam.ParDo(
            _PackByShard(self._placement)
        ).with_output_types(tuple[int, bytes])
