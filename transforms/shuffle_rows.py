"""Gives every row its shard, by the seeded shuffle of ``formats/shuffle.py``."""

from collections.abc import Iterator

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows

from indexed_imagenet.transforms.formats.shuffle import Shuffle
from indexed_imagenet.transforms.rows import join_rows, pack_rows

# Rows held back until they are sorted by shard and packed: 75 bytes each, so
# 5 MB per worker thread. Of the full training set, 64 rows then share a block.
ROWS_HELD = 1 << 16


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
        self._shuffle = shuffle
        self._held: list[np.ndarray] = []
        self._num_held = 0
        self._rows = Metrics.counter('shuffle_rows', 'rows_in')
        self._blocks = Metrics.counter('shuffle_rows', 'blocks_out')

    def start_bundle(self) -> None:
        self._held = []
        self._num_held = 0

    def process(self, rows: np.ndarray) -> Iterator[tuple[int, bytes]]:
        self._rows.inc(len(rows))
        if not len(rows):
            empty = pack_rows(rows)
            for shard in range(self._shuffle.num_shards):
                yield shard, empty
            return
        self._held.append(rows)
        self._num_held += len(rows)
        if self._num_held >= ROWS_HELD:
            yield from self._pack()

    def finish_bundle(self) -> Iterator[beam.utils.windowed_value.WindowedValue]:
        for keyed in self._pack():
            yield GlobalWindows.windowed_value(keyed)

    def _pack(self) -> Iterator[tuple[int, bytes]]:
        held, self._held, self._num_held = self._held, [], 0
        if not held:
            return
        for shard, rows in split_by_shard(join_rows(held), self._shuffle):
            self._blocks.inc()
            yield shard, pack_rows(rows)


class ShuffleRows(beam.PTransform):
    """Takes arrays of rows, gives (shard, packed block of rows).

    An array without rows asks for every shard: each then gets an empty block. A
    group-by-key emits no key without values, but every shard file must exist, so one
    such array must come.
    """

    def __init__(self, shuffle: Shuffle):
        super().__init__()
        self._shuffle = shuffle

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        return rows | 'Pack rows by shard' >> beam.ParDo(
            _PackByShard(self._shuffle)
        ).with_output_types(tuple[int, bytes])
