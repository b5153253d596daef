"""Keeps the shards that are finished, and plans those that are to be made.

A shard is finished if its file has the size that its entry says, and the entry is of
the same build, the same rows, and a check as thorough as the one asked for. If bad
images are skipped, rows whose images are still bad may be left out of it. Anything else
in its place is deleted before anything is made.

If kept shards are to be checked, their files are read, too, and a file without an entry
is kept if it holds exactly what belongs in it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.check_kept import (
    ShardAdopter,
    contents_match,
    digest_held_rows,
    held_rows,
    reject_again,
)
from indexed_imagenet.transforms.elements import (
    FinishedShard,
    Rejection,
    Rejections,
    ShardPlan,
    UnwrittenShard,
)
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.example_encoder import ExampleEncoder, Label
from indexed_imagenet.transforms.formats.layout import (
    shard_info_path,
    shard_path,
    staging_dir,
)
from indexed_imagenet.transforms.formats.shard_info import (
    CHECKS,
    ShardInfo,
)
from indexed_imagenet.transforms.input_report import InputReport
from indexed_imagenet.transforms.rows import each_row, shown_path, unpack_blocks
from indexed_imagenet.transforms.storage.atomic import atomic_write


def reject_duplicates(rows: np.ndarray) -> list[Rejection]:
    """Rejects the images of one shard that share their index with another."""
    index, counts = np.unique(rows['index'], return_counts=True)
    duplicates = rows[np.isin(rows['index'], index[counts > 1])]
    return [
        Rejection(row.index, shown_path(row), 'duplicate') for row in each_row(duplicates)
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
    path: str, info_path: str, belongs: Callable[[ShardInfo], bool]
) -> ShardInfo | None:
    """Returns the entry of a shard that is finished, or None if it is to be made.

    Whatever else is in its place is deleted. What was not seen is not: another
    attempt at the same shard may just have put it there.

    Args:
      path: its final name.
      info_path: where its entry would be.
      belongs: says whether an entry is of this build and of what belongs in the shard.
    """
    size = storage.size(path)
    info = read_shard_info(info_path)
    is_ours = info is not None and belongs(info)
    if info is not None and is_ours and size == info.num_bytes:
        return info
    if size is not None:
        storage.delete(path)
    if info is not None and not is_ours:
        storage.delete(info_path)
    return None


class _PlanShard(beam.DoFn):
    def __init__(
        self,
        build_id: BuildId,
        output_directory: str,
        check: str,
        directory: str,
        labels: Sequence[Label],
        skip_bad: bool,
        check_kept: bool,
    ):
        self._shuffle = build_id.shuffle
        self._build_id = build_id
        self._output = output_directory
        self._check = check
        self._directory = directory
        self._labels = labels
        self._skip_bad = skip_bad
        self._check_kept = check_kept
        self._kept = Metrics.counter('plan_shards', 'shards_kept')
        self._planned = Metrics.counter('plan_shards', 'shards_planned')

    def setup(self) -> None:
        encoder = ExampleEncoder(self._labels)
        self._adopter = ShardAdopter(
            self._build_id, self._directory, encoder, self._check
        )

    def process(
        self, keyed: tuple[int, Iterable[bytes]], report: InputReport
    ) -> Iterator[ShardPlan | beam.pvalue.TaggedOutput]:
        shard, blocks = keyed
        rows = self._shuffle.in_order(unpack_blocks(blocks))
        if report.blocks_build:
            # No list of missing images is written over that of a good build.
            rejected = Rejections.pack(reject_duplicates(rows))
            no_indices = np.empty(0, np.int32)
            unwritten = UnwrittenShard(shard, no_indices, rejected, blocked=True)
            yield beam.pvalue.TaggedOutput('reports', unwritten)
            return
        name = shard_path(self._build_id.split, shard, self._shuffle.num_shards)
        path = storage.join(self._output, name)
        info_path = shard_info_path(self._output, self._build_id.split, name)
        damaged = self._check_kept and self._is_damaged(path, info_path, shard, rows)
        if damaged:
            storage.delete(path)
            storage.delete(info_path)
        info = find_finished(path, info_path, lambda info: self._belongs(info, rows))
        missing = np.setdiff1d(self._shuffle.expected(shard), rows['index'])
        bad = None
        if info is not None:
            left_out = rows[~np.isin(rows['index'], info.records['index'])]
            bad = reject_again(self._directory, left_out, info.check)
        if info is None or bad is None:
            if info is not None:
                storage.delete(path)
                storage.delete(info_path)
            self._planned.inc()
            yield ShardPlan(shard, rows, missing, damaged)
            return
        self._kept.inc()
        now = time.time()
        finished = FinishedShard(
            shard,
            missing,
            Rejections.pack(bad),
            info,
            kept=True,
            labels=np.unique(held_rows(rows, info.records)['label']),
            started=now,
            finished=now,
        )
        yield beam.pvalue.TaggedOutput('reports', finished)

    def _belongs(self, info: ShardInfo, rows: np.ndarray) -> bool:
        """Returns whether an entry is of this build and of these rows.

        If bad images are skipped, some of the rows may be left out.
        """
        return (
            info.build_id == self._build_id.digest
            and CHECKS.index(info.check) >= CHECKS.index(self._check)
            and info.rows == digest_held_rows(rows, info.records)
            and (self._skip_bad or len(info.records) == len(rows))
        )

    def _is_damaged(
        self, path: str, info_path: str, shard: int, rows: np.ndarray
    ) -> bool:
        """Reads the file in a shard's place, and adopts it if its entry is lost."""
        if storage.size(path) is None:
            return False
        info = read_shard_info(info_path)
        if info is not None:
            return self._belongs(info, rows) and not contents_match(path, info)
        info = self._adopter.adopt(path, shard, rows)
        if info is None:
            return True
        atomic_write(info_path, info.to_json(), staging_dir(self._output))
        return False


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
        *,
        directory: str = '',
        labels: Sequence[Label] = (),
        skip_bad: bool = False,
        check_kept: bool = False,
    ):
        """Initializes the transform.

        Args:
          build_id: of the build.
          output_directory: where shards are.
          check: how thoroughly the images of kept shards must have been checked.
          report: the input report.
          directory: what the sources of rows are relative to.
          labels: the class of each label, from 0.
          skip_bad: keep shards without images that are still bad.
          check_kept: re-read the contents of shards before they are kept.
        """
        super().__init__()
        if check not in CHECKS:
            raise ValueError(f'check is {check!r} (expected one of {", ".join(CHECKS)})')
        self._arguments = (
            build_id,
            output_directory,
            check,
            directory,
            tuple(labels),
            skip_bad,
            check_kept,
        )
        self._report = report

    def expand(self, grouped: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return grouped | 'Look for finished shards' >> beam.ParDo(
            _PlanShard(*self._arguments), self._report
        ).with_output_types(ShardPlan).with_outputs('reports', main='plans')
