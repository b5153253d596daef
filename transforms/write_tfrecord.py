"""Writes records into shard files, each renamed into place only when complete.

``beam.io.WriteToTFRecord`` with a number of shards sends whole records through a
group-by-key under a random shard, and renames all files at the very end. Here records
come with their shard, one shard after the other, and go straight from the encoding step
into a file: the framing and the names are the same.
"""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows

from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.elements import (
    FinishedShard,
    Record,
    ShardEnd,
    ShardReport,
    UnwrittenShard,
)
from indexed_imagenet.transforms.formats.layout import (
    shard_info_path,
    shard_path,
    staging_dir,
)
from indexed_imagenet.transforms.formats.shard_info import RECORD_DTYPE, ShardInfo
from indexed_imagenet.transforms.formats.tfrecord import crc32c_of_parts, frame
from indexed_imagenet.transforms.storage.atomic import atomic_write, temporary_path

# Marks an error as one of writing; execute.py finds the remedy by it.
CANNOT_BE_WRITTEN = 'cannot be written'


class ShardWriter:
    """Writes the records of one shard to a temporary file, and renames it at the end.

    It does not trust its input: a record of another shard or out of order, or an end
    mark with another count than that of the records, raises.
    """

    def __init__(self, file_path_prefix: str, shard: int, num_shards: int):
        self.shard = shard
        self._final = shard_path(file_path_prefix, shard, num_shards)
        self._directory, self._name = storage.split(self._final)
        self._split = storage.split(file_path_prefix)[1]
        self._temporary = temporary_path(staging_dir(self._directory), self._name)
        self._records: list[tuple[int, int, int]] = []  # as RECORD_DTYPE has them
        try:
            self._file = storage.create(self._temporary)
        except OSError as error:
            raise self.write_error(error) from error

    def write(self, record: Record) -> None:
        """Appends one record.

        Raises:
          RuntimeError: the record is not the next one of this shard.
          OSError: it cannot be written.
        """
        if (record.shard, record.position) != (self.shard, len(self._records)):
            raise RuntimeError(
                f'shard {self.shard} got record {record.position} of shard '
                f'{record.shard} (expected its own record {len(self._records)}): the '
                f'runner split shard {self.shard} across bundles'
            )
        crc = crc32c_of_parts(record.parts)
        try:
            self._file.write_parts(frame(record.parts, crc))
        except OSError as error:
            raise self.write_error(error) from error
        self._records.append((record.index, sum(map(len, record.parts)), crc))

    def commit(self, end: ShardEnd) -> ShardReport:
        """Renames the file into place, or drops it if it is not wanted.

        That happens only after it was fsynced, its size was checked and its entry was
        written: in this order, so that whatever ends the process in between, nothing
        unfinished looks finished.

        Raises:
          RuntimeError: the end mark does not fit the records that came.
          OSError: the file cannot be finished.
        """
        if (end.shard, end.num_records) != (self.shard, len(self._records)):
            raise RuntimeError(
                f'shard {self.shard} has {len(self._records)} records, but the end mark '
                f'is for {end.num_records} records of shard {end.shard}: the runner '
                f'split shard {self.shard} across bundles'
            )
        if not end.wanted:
            self.abort()
            return UnwrittenShard(end.shard, end.missing, end.rejected)
        self._file.fsync()
        self._file.close()
        info = ShardInfo(
            end.build_id,
            end.rows,
            end.check,
            end.converted,
            np.array(self._records, RECORD_DTYPE),
            end.warnings,
        )
        size = storage.size(self._temporary)
        if size != info.num_bytes:
            raise OSError(
                f'{self._temporary} has {size} bytes (expected {info.num_bytes}): part '
                'of what was written is lost'
            )
        path = shard_info_path(self._directory, self._split, self._name)
        atomic_write(path, info.to_json(), staging_dir(self._directory))
        storage.rename(self._temporary, self._final)
        return FinishedShard(
            end.shard,
            end.missing,
            end.rejected,
            info,
            kept=False,
            labels=end.labels,
            started=end.started,
            finished=time.time(),
            damaged=end.damaged,
        )

    def write_error(self, error: OSError) -> OSError:
        """Returns an error that names the shard, which the system's own may not."""
        return OSError(f'{self._final} {CANNOT_BE_WRITTEN}: {error_text(error)}')

    def abort(self) -> None:
        """Closes and deletes the unfinished file (best effort)."""
        self._file.abort()
        with contextlib.suppress(OSError):
            storage.delete(self._temporary)


def _commit(writer: ShardWriter, end: ShardEnd) -> ShardReport:
    try:
        return writer.commit(end)
    except BaseException as error:
        writer.abort()
        if isinstance(error, OSError):
            raise writer.write_error(error) from error
        raise


class _WriteShards(beam.DoFn):
    """Writes one shard while the one before it is being committed.

    To wait until a file is on the disk takes half as long as the work on it, and no
    processor: without the thread, a build took 1.3 times as long.
    """

    def __init__(self, file_path_prefix: str, num_shards: int):
        self._prefix = file_path_prefix
        self._num_shards = num_shards
        self._writer: ShardWriter | None = None
        self._commit: Future[ShardReport] | None = None
        self._records = Metrics.counter('write_tfrecord', 'records_in')
        self._shards = Metrics.counter('write_tfrecord', 'shards_written')

    def setup(self) -> None:
        storage.make_folder(staging_dir(storage.parent(self._prefix)))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix='commit_shard')

    def start_bundle(self) -> None:
        self._drop()  # what a failed bundle may have left

    def process(self, element: Record | ShardEnd) -> Iterator[ShardReport]:
        try:
            if self._writer is None:
                self._writer = ShardWriter(self._prefix, element.shard, self._num_shards)
            if isinstance(element, Record):
                self._writer.write(element)
                self._records.inc()
                return
            report = self._await_commit()
        except BaseException:
            self._drop()
            raise
        writer, self._writer = self._writer, None
        self._commit = self._thread.submit(_commit, writer, element)
        if report is not None:
            yield report

    def finish_bundle(self) -> Iterator[beam.utils.windowed_value.WindowedValue]:
        if self._writer is not None:
            shard = self._writer.shard
            self._drop()
            raise RuntimeError(
                f'shard {shard} has no end mark in its bundle: the runner split shard '
                f'{shard} across bundles'
            )
        report = self._await_commit()
        if report is not None:
            yield GlobalWindows.windowed_value(report)

    def teardown(self) -> None:
        self._drop()
        self._thread.shutdown()

    def _await_commit(self) -> ShardReport | None:
        """Returns the report on the previous shard, once it is committed."""
        commit, self._commit = self._commit, None
        if commit is None:
            return None
        report = commit.result()
        self._shards.inc(isinstance(report, FinishedShard))
        return report

    def _drop(self) -> None:
        """Drops what is unfinished; a commit that has begun runs to its end."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abort()
        commit, self._commit = self._commit, None
        if commit is not None:
            wait([commit])


class WriteToTFRecord(beam.io.WriteToTFRecord):
    """Writes shards of records to TFRecord files, uncompressed.

    Takes whole shards, bundle by bundle: the ``Record``s of one in order, then its
    ``ShardEnd``. Gives a ``ShardReport`` for each.
    """

    def __init__(self, file_path_prefix: str, num_shards: int):
        """Initializes the transform.

        Args:
          file_path_prefix: directory and first part of the files' names; they
            end in ``-SSSSS-of-NNNNN``.
          num_shards: the number of files, at least 1.
        """
        if num_shards < 1:
            raise ValueError(f'num_shards is {num_shards} (expected at least 1)')
        super().__init__(
            file_path_prefix,
            num_shards=num_shards,
            compression_type=CompressionTypes.UNCOMPRESSED,
        )
        self._file_path_prefix = file_path_prefix
        self._num_shards = num_shards

    def expand(self, records: beam.PCollection) -> beam.PCollection:
        return records | 'Write shard files' >> beam.ParDo(
            _WriteShards(self._file_path_prefix, self._num_shards)
        ).with_output_types(ShardReport)
