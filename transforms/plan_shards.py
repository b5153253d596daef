"""Keeps the shards that are finished, and plans those that are to be made.

A shard is finished if its file has the size that its record says, and the
record is that of the same build, of the same rows, and of a check as thorough
as the one asked for. What is otherwise found in its place is taken away before
anything is made.
"""

import time
from collections.abc import Iterable

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics

from indexed_imagenet.text import printable
from indexed_imagenet.transforms.elements import (
    Rejection,
    Rejections,
    ShardPlan,
    ShardReport,
)
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.layout import shard_info_path
from indexed_imagenet.transforms.formats.shard_info import (
    CHECKS,
    ShardInfo,
    digest_rows,
)
from indexed_imagenet.transforms.input_report import InputReport
from indexed_imagenet.transforms.rows import each_row, unpack_blocks
from indexed_imagenet.transforms.shuffle_rows import Shuffle
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.write_tfrecord import shard_path


def reject_duplicates(rows: np.ndarray) -> list[Rejection]:
    """The images of one shard that share their index with another."""
    index, counts = np.unique(rows['index'], return_counts=True)
    doubles = rows[np.isin(rows['index'], index[counts > 1])]
    return [
        Rejection(row.index, printable(row.source), 'there twice')
        for row in each_row(doubles)
    ]


def read_shard_info(path: str) -> ShardInfo | None:
    """Reads the record of a shard; None if there is none, or not a whole one."""
    if files.size(path) is None:
        return None
    try:
        return ShardInfo.from_json(files.read_bytes(path))
    except ValueError:
        return None


def find_finished(
    path: str, info_path: str, build_id: str, rows: str, check: str
) -> ShardInfo | None:
    """The record of a shard that is finished, or None if it is to be made.

    What stands in its place then is deleted. What was not seen to be there is not:
    another attempt at the same shard may just have put it there.

    Args:
      path: its final name.
      info_path: where its record would be.
      build_id: digest of this build's build_id.
      rows: ``digest_rows`` of what belongs into it.
      check: how thoroughly its images must have been checked.
    """
    size = files.size(path)
    record = read_shard_info(info_path)
    is_right = (
        record is not None
        and (record.build_id, record.rows) == (build_id, rows)
        and CHECKS.index(record.check) >= CHECKS.index(check)
    )
    if is_right and size == record.num_bytes:
        return record
    if size is not None:
        files.delete(path)
    if record is not None and not is_right:
        files.delete(info_path)
    return None


class _PlanShard(beam.DoFn):
    def __init__(
        self, shuffle: Shuffle, build_id: BuildId, output_directory: str, check: str
    ):
        self._placement = shuffle
        self._split = build_id.split
        self._identity = build_id.digest
        self._directory = output_directory
        self._check = check
        self._kept = Metrics.counter('plan_shards', 'shards_kept')
        self._planned = Metrics.counter('plan_shards', 'shards_planned')

    def process(self, keyed: tuple[int, Iterable[bytes]], input_report: InputReport):
        shard, blocks = keyed
        rows = self._placement.in_order(unpack_blocks(blocks))
        missing = np.setdiff1d(self._placement.expected(shard), rows['index'])
        record, rejected = None, []
        if input_report.blocks_build:
            rejected = reject_duplicates(rows)
            missing = missing[:0]  # no list of them is written over that of a good build
        else:
            name = shard_path(self._split, shard, self._placement.num_shards)
            path = files.join(self._directory, name)
            info_path = shard_info_path(self._directory, self._split, name)
            expected = digest_rows(rows['index'], rows['label'], rows['name'].tolist())
            record = find_finished(path, info_path, self._identity, expected, self._check)
            if record is None:
                self._planned.inc()
                yield ShardPlan(shard, rows, missing)
                return
            self._kept.inc()
        now = time.time()
        report = ShardReport(
            shard,
            record,
            kept=record is not None,
            labels=np.unique(rows['label']),
            missing=missing,
            rejected=Rejections.pack(rejected),
            started=now,
            finished=now,
        )
        yield beam.pvalue.TaggedOutput('reports', report)


class PlanShards(beam.PTransform):
    """Takes (shard, blocks of rows); says which shards are to be made.

    The input_report comes as a side input. After a bad one no shard is, and the report
    on each names the images that are there twice.

    Outputs ``plans`` (``ShardPlan``) and, of all others, ``reports``
    (``ShardReport``).
    """

    def __init__(
        self,
        shuffle: Shuffle,
        build_id: BuildId,
        output_directory: str,
        check: str,
        input_report: beam.pvalue.AsSingleton,
    ):
        super().__init__()
        if check not in CHECKS:
            raise ValueError(f'check is {check!r}, expected one of {", ".join(CHECKS)}')
        self._arguments = (shuffle, build_id, output_directory, check)
        self._verdict = input_report

    def expand(self, grouped):
        return grouped | 'Look for finished shards' >> beam.ParDo(
            _PlanShard(*self._arguments), self._verdict
        ).with_output_types(ShardPlan).with_outputs('reports', main='plans')
