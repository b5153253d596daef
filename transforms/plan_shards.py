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

from indexed_imagenet.transforms.elements import (
    Rejection,
    Rejections,
    ShardPlan,
    ShardReport,
)
from indexed_imagenet.transforms.formats.build_id import Identity
from indexed_imagenet.transforms.formats.layout import shard_record_path
from indexed_imagenet.transforms.formats.shard_info import (
    CHECKS,
    ShardRecord,
    digest_rows,
)
from indexed_imagenet.transforms.input_report import Verdict
from indexed_imagenet.transforms.rows import each_row, unpack_blocks
from indexed_imagenet.transforms.shuffle_rows import Placement
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.write_tfrecord import shard_path


def find_doubles(rows: np.ndarray) -> list[Rejection]:
    """The images of one shard that share their index with another."""
    index, counts = np.unique(rows['index'], return_counts=True)
    doubles = rows[np.isin(rows['index'], index[counts > 1])]
    return [
        Rejection(row.index, files.show_name(row.source), 'there twice')
        for row in each_row(doubles)
    ]


def read_record(path: str) -> ShardRecord | None:
    """Reads the record of a shard; None if there is none, or not a whole one."""
    if files.size(path) is None:
        return None
    try:
        return ShardRecord.from_json(files.read_bytes(path))
    except ValueError:
        return None


def find_finished(
    path: str, record_path: str, identity: str, rows: str, check: str
) -> ShardRecord | None:
    """The record of a shard that is finished, or None if it is to be made.

    What stands in its place then is deleted. What was not seen to be there is not:
    another attempt at the same shard may just have put it there.

    Args:
      path: its final name.
      record_path: where its record would be.
      identity: digest of this build's identity.
      rows: ``digest_rows`` of what belongs into it.
      check: how thoroughly its images must have been checked.
    """
    size = files.size(path)
    record = read_record(record_path)
    is_right = (
        record is not None
        and (record.identity, record.rows) == (identity, rows)
        and CHECKS.index(record.check) >= CHECKS.index(check)
    )
    if is_right and size == record.num_bytes:
        return record
    if size is not None:
        files.delete(path)
    if record is not None and not is_right:
        files.delete(record_path)
    return None


class _KeepOrPlan(beam.DoFn):
    def __init__(
        self, placement: Placement, identity: Identity, output_directory: str, check: str
    ):
        self._placement = placement
        self._split = identity.split
        self._identity = identity.digest
        self._directory = output_directory
        self._check = check
        self._kept = Metrics.counter('keep_finished', 'shards_kept')
        self._planned = Metrics.counter('keep_finished', 'shards_planned')

    def process(self, keyed: tuple[int, Iterable[bytes]], verdict: Verdict):
        shard, blocks = keyed
        rows = self._placement.in_order(unpack_blocks(blocks))
        missing = np.setdiff1d(self._placement.expected(shard), rows['index'])
        record, rejected = None, []
        if verdict.is_bad:
            rejected = find_doubles(rows)
            missing = missing[:0]  # no list of them is written over that of a good build
        else:
            name = shard_path(self._split, shard, self._placement.num_shards)
            path = files.join(self._directory, name)
            record_path = shard_record_path(self._directory, self._split, name)
            expected = digest_rows(rows['index'], rows['label'], rows['name'].tolist())
            record = find_finished(
                path, record_path, self._identity, expected, self._check
            )
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


class KeepFinished(beam.PTransform):
    """Takes (shard, blocks of rows); says which shards are to be made.

    The verdict comes as a side input. After a bad one no shard is, and the report
    on each names the images that are there twice.

    Outputs ``plans`` (``ShardPlan``) and, of all others, ``reports``
    (``ShardReport``).
    """

    def __init__(
        self,
        placement: Placement,
        identity: Identity,
        output_directory: str,
        check: str,
        verdict: beam.pvalue.AsSingleton,
    ):
        super().__init__()
        if check not in CHECKS:
            raise ValueError(f'check is {check!r}, expected one of {", ".join(CHECKS)}')
        self._arguments = (placement, identity, output_directory, check)
        self._verdict = verdict

    def expand(self, grouped):
        return grouped | 'Look for finished shards' >> beam.ParDo(
            _KeepOrPlan(*self._arguments), self._verdict
        ).with_output_types(ShardPlan).with_outputs('reports', main='plans')
