"""Checks the rows of each shard before any image is read."""

from collections.abc import Iterable

import apache_beam as beam
import numpy as np

from indexed_imagenet.transforms.input_report import DUPLICATE, InputReport
from indexed_imagenet.transforms.rows import unpack_rows


def indices_of_block(keyed: tuple[int, bytes]) -> tuple[int, bytes]:
    """All of a (shard, block of rows) that the check needs: the indices, as int32."""
    shard, block = keyed
    return shard, unpack_rows(block)['index'].tobytes()


def check_shard(keyed: tuple[int, Iterable[bytes]], split: str) -> InputReport:
    """Counts the images of one shard, and finds indices that have several.

    Args:
      keyed: the shard, and the indices of its rows in parts.
      split: for the input_report.
    """
    _, parts = keyed
    index, counts = np.unique(
        np.frombuffer(b''.join(parts), np.int32), return_counts=True
    )
    cases = [f'index {i}' for i in index[counts > 1]]
    return InputReport.of(split, DUPLICATE, cases)._replace(
        images={split: int(counts.sum())}
    )


class FindDuplicates(beam.PTransform):
    """Takes (shard, block of rows), gives each shard's ``InputReport``.

    Groups the indices on its own, 4 bytes an image. If it took the rows as they
    are grouped for the steps after the input_report, the local runner would store
    those once more, and hand them out unevenly.
    """

    def __init__(self, split: str):
        super().__init__()
        self._split = split

    def expand(self, placed):
        return (
            placed
            | 'Keep the indices'
            >> beam.Map(indices_of_block).with_output_types(tuple[int, bytes])
            | 'Group indices by shard' >> beam.GroupByKey()
            | 'Check each shard'
            >> beam.Map(check_shard, self._split).with_output_types(InputReport)
        )
