"""Finds indices that several images have, before any image is read."""

from collections.abc import Iterable

import apache_beam as beam
import numpy as np

from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from indexed_imagenet.transforms.rows import unpack_rows


def indices_of_block(keyed: tuple[int, bytes]) -> tuple[int, bytes]:
    """Returns what is needed of a (shard, block of rows): its indices, as int32."""
    shard, block = keyed
    return shard, unpack_rows(block)['index'].tobytes()


def find_duplicates(keyed: tuple[int, Iterable[bytes]], split: str) -> InputReport:
    """Counts the images of one shard, and finds indices that have several.

    Args:
      keyed: the shard, and the indices of its rows in parts.
      split: for the report.
    """
    _, parts = keyed
    index, counts = np.unique(
        np.frombuffer(b''.join(parts), np.int32), return_counts=True
    )
    cases = [f'index {i}' for i in index[counts > 1]]
    images = {split: int(counts.sum())}
    return InputReport.of(split, IssueKind.DUPLICATE, cases, images)


class FindDuplicates(beam.PTransform):
    """Takes (shard, block of rows), gives an ``InputReport`` per shard.

    Groups the indices on its own, 4 bytes per image. If it took the rows as they are
    grouped for the steps after the report, the local runner would store those once
    more, and hand them out unevenly.
    """

    def __init__(self, split: str):
        super().__init__()
        self._split = split

    def expand(self, shuffled: beam.PCollection) -> beam.PCollection:
        return (
            shuffled
            | 'Keep the indices'
            >> beam.Map(indices_of_block).with_output_types(tuple[int, bytes])
            | 'Group indices by shard' >> beam.GroupByKey()
            | 'Count each index'
            >> beam.Map(find_duplicates, self._split).with_output_types(InputReport)
        )
