"""Keeps the shards that are finished, and plans those that are to be made.

A shard is finished if its file has the size that its entry says, and the entry is of
the same build, the same rows, and a check as thorough as the one asked for. Anything
else in its place is deleted before anything is made.
"""

import time
from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics

from indexed_imagenet.text import printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.elements import (
    FinishedShard,
    Rejection,
    Rejections,
    ShardPlan,
    UnwrittenShard,
)
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.layout import shard_info_path, shard_path
from indexed_imagenet.transforms.formats.shard_info import (
    CHECKS,
    ShardInfo,
    digest_rows,
)
from indexed_imagenet.transforms.input_report import InputReport
from indexed_imagenet.transforms.rows import each_row, unpack_blocks


def reject_duplicates(rows: np.ndarray) -> list[Rejection]:
    """Rejects the images of one shard that share their index with another."""
    index, counts = np.unique(rows['index'], return_counts=True)
    duplicates = rows[np.isin(rows['index'], index[counts > 1])]
    return [
        Rejection(row.index, printable(row.source), 'duplicate')
        for row in each_row(duplicates)
    ]


def read_shard_info(path: str) -> ShardInfo | None:
    """Reads the entry of a shard; None if there is none, or not a whole one."""
    if storage.size(path) is None:
        return None
    try:
        return ShardInfo.from_json(storage.read_bytes(path))
    except ValueError:
        return None


def find_finished(
    path: str, info_path: str, build_id: str, rows: str, check: str
) -> ShardInfo | None:
    """Returns the entry of a shard that is finished, or None if it is to be made.

    Whatever else is in its place is deleted. What was not seen is not: another
    attempt at the same shard may just have put it there.

    Args:
      path: its final name.
      info_path: where its entry would be.
      build_id: digest of this build's ID.
      rows: ``digest_rows`` of what belongs in it.
      check: how thoroughly its images must have been checked.
    """
    size = storage.size(path)
    info = read_shard_info(info_path)
    belongs = (
        info is not None
        and (info.build_id, info.rows) == (build_id, rows)
        and CHECKS.index(info.check) >= CHECKS.index(check)
    )
    if info is not None and belongs and size == info.num_bytes:
        return info
    if size is not None:
        storage.delete(path)
    if info is not None and not belongs:
        storage.delete(info_path)
    return None


class _PlanShard(beam.DoFn):
    def __init__(self, build_id: BuildId, output_directory: str, check: str):
        self._shuffle = build_id.shuffle
        self._split = build_id.split
        self._build_id = build_id.digest
        self._directory = output_directory
        self._check = check
        self._kept = Metrics.counter('plan_shards', 'shards_kept')
        self._planned = Metrics.counter('plan_shards', 'shards_planned')

    def process(
        self, keyed: tuple[int, Iterable[bytes]], report: InputReport
    ) -> Iterator[ShardPlan | beam.pvalue.TaggedOutput]:
        shard, blocks = keyed
        rows = self._shuffle.in_order(unpack_blocks(blocks))
        if report.blocks_build:
            # No list of missing images is written over that of a good build.
            rejected = Rejections.pack(reject_duplicates(rows))
            unwritten = UnwrittenShard(shard, np.empty(0, np.int32), rejected)
            yield beam.pvalue.TaggedOutput('reports', unwritten)
            return
        missing = np.setdiff1d(self._shuffle.expected(shard), rows['index'])
        info = self._find_finished(shard, rows)
        if info is None:
            self._planned.inc()
            yield ShardPlan(shard, rows, missing)
            return
        self._kept.inc()
        now = time.time()
        finished = FinishedShard(
            shard,
            missing,
            Rejections.pack([]),
            info,
            kept=True,
            labels=np.unique(rows['label']),
            started=now,
            finished=now,
        )
        yield beam.pvalue.TaggedOutput('reports', finished)

    def _find_finished(self, shard: int, rows: np.ndarray) -> ShardInfo | None:
        name = shard_path(self._split, shard, self._shuffle.num_shards)
        return find_finished(
            storage.join(self._directory, name),
            shard_info_path(self._directory, self._split, name),
            self._build_id,
            digest_rows(rows['index'], rows['label'], rows['name'].tolist()),
            self._check,
        )


class PlanShards(beam.PTransform):
    """Takes (shard, blocks of rows); says which shards are to be made.

    The input report comes as a side input. If it blocks the build, no shard is made,
    and the report on each names the images that are duplicates.

    Outputs ``plans`` (``ShardPlan``) and, for all other shards, ``reports``
    (``ShardReport``).
    """

    def __init__(
        self,
        build_id: BuildId,
        output_directory: str,
        check: str,
        report: beam.pvalue.AsSingleton,
    ):
        super().__init__()
        if check not in CHECKS:
            raise ValueError(f'check is {check!r} (expected one of {", ".join(CHECKS)})')
        self._arguments = (build_id, output_directory, check)
        self._report = report

    def expand(self, grouped: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return grouped | 'Look for finished shards' >> beam.ParDo(
            _PlanShard(*self._arguments), self._report
        ).with_output_types(ShardPlan).with_outputs('reports', main='plans')
