"""Writes records into shard files, each under its final name only when whole.

``beam.io.WriteToTFRecord`` with a number of shards sends whole records through
a group-by-key under a random shard, and renames all files at the very end. Here
records come with their shard, one shard after the other, and go straight from
the encoding step into a file: the framing and the names are the same.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows

from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.elements import Record, ShardEnd, ShardReport
from indexed_imagenet.transforms.formats.layout import (
    atomic_write,
    shard_info_path,
    staging_dir,
    temporary_path,
)
from indexed_imagenet.transforms.formats.shard_info import RECORD_DTYPE, ShardInfo
from indexed_imagenet.transforms.formats.tfrecord import crc32c_of_parts, frame
from indexed_imagenet.transforms.storage import files

# Says of a refusal that it was one to write.
CANNOT_BE_WRITTEN = 'cannot be written'


def shard_path(file_path_prefix: str, shard: int, num_shards: int) -> str:
    """The final name of a shard, for example ``train-00000-of-01024``."""
    return f'{file_path_prefix}-{shard:05d}-of-{num_shards:05d}'


def shard_names(split: str, num_shards: int) -> list[str]:
    """The names of all shard files of a split."""
    return [shard_path(split, shard, num_shards) for shard in range(num_shards)]


def is_shard_of(name: str, split: str) -> bool:
    """Whether a file's name is that of a shard of a split, whatever their number."""
    return re.fullmatch(rf'{re.escape(split)}-\d{{5,}}-of-\d{{5,}}', name) is not None


class _LocalFile:
    """Appends to a new file, in one call to the system a record."""

    def __init__(self, path: str):
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)

    def write(self, parts: tuple[bytes, ...]) -> None:
        length = sum(map(len, parts))
        written = os.writev(self._fd, parts)
        while written < length:  # the system may take less, and say why next time
            rest = b''.join(parts)[written:]
            written += os.write(self._fd, rest)

    def flush(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    abort = close


class _RemoteFile:
    """Appends to a new object of an object store."""

    def __init__(self, path: str):
        self._file = files.create(path)

    def write(self, parts: tuple[bytes, ...]) -> None:
        for part in parts:
            self._file.write(part)

    def flush(self) -> None:
        pass  # an object is there when it is closed, and then for good

    def close(self) -> None:
        self._file.close()

    def abort(self) -> None:
        self._file.abort()


class ShardWriter:
    """Writes the records of one shard to a file of its own name.

    Whoever feeds it is not trusted: a record of another shard or out of order,
    or an end mark that counts other than what came, raises.
    """

    def __init__(self, file_path_prefix: str, shard: int, num_shards: int):
        self.shard = shard
        self._final = shard_path(file_path_prefix, shard, num_shards)
        self._directory, self._name = FileSystems.split(self._final)
        self._split = FileSystems.split(file_path_prefix)[1]
        self._temporary = temporary_path(self._directory, self._name)
        self._content: list[tuple[int, int, int]] = []  # as RECORD_DTYPE has them
        file_type = _LocalFile if files.is_local(self._temporary) else _RemoteFile
        try:
            self._file = file_type(self._temporary)
        except OSError as error:
            raise self.refused(error) from error

    def write(self, record: Record) -> None:
        """Appends one record.

        Raises:
          RuntimeError: the record is not the next one of this shard.
          OSError: it cannot be written.
        """
        if (record.shard, record.position) != (self.shard, len(self._content)):
            raise RuntimeError(
                f'shard {self.shard} got record {record.position} of shard '
                f'{record.shard}, expected its own record {len(self._content)}: the '
                'runner has torn a shard apart'
            )
        crc = crc32c_of_parts(record.parts)
        try:
            self._file.write(frame(record.parts, crc))
        except OSError as error:
            raise self.refused(error) from error
        self._content.append((record.index, sum(map(len, record.parts)), crc))

    def commit(self, end: ShardEnd) -> ShardReport:
        """Puts the file under its final name, or drops it if it is not wanted.

        It has that name only once all of it is on the disk, and is as long as it
        must be, and its record is noted: in that order, so that whatever ends the
        process in between, nothing unfinished looks finished.

        Raises:
          RuntimeError: the end mark is not that of the records that came.
          OSError: the file cannot be finished.
        """
        if (end.shard, end.num_records) != (self.shard, len(self._content)):
            raise RuntimeError(
                f'shard {self.shard} has {len(self._content)} records, but the end mark '
                f'is for {end.num_records} records of shard {end.shard}: the runner '
                'has torn a shard apart'
            )
        if not end.wanted:
            self.abort()
            return end.report._replace(finished=time.time())
        self._file.flush()
        self._file.close()
        content = np.array(self._content, RECORD_DTYPE)
        record = ShardInfo(end.build_id, end.rows, end.check, end.converted, content)
        size = files.size(self._temporary)
        if size != record.num_bytes:
            raise OSError(
                f'{self._temporary} has {size} bytes, expected {record.num_bytes}: what '
                'was written has not all arrived'
            )
        note = shard_info_path(self._directory, self._split, self._name)
        atomic_write(note, record.to_json(), self._directory)
        files.rename(self._temporary, self._final)
        return end.report._replace(record=record, finished=time.time())

    def refused(self, error: OSError) -> OSError:
        """What to raise of a refusal, which need not say what file it is about."""
        return OSError(f'{self._final} {CANNOT_BE_WRITTEN}: {error_text(error)}')

    def abort(self) -> None:
        """Closes and deletes the unfinished file, as far as that can be done."""
        with contextlib.suppress(OSError):
            self._file.abort()
        with contextlib.suppress(OSError):
            files.delete(self._temporary)


def _commit(writer: ShardWriter, end: ShardEnd) -> ShardReport:
    try:
        return writer.commit(end)
    except BaseException as error:
        writer.abort()
        if isinstance(error, OSError):
            raise writer.refused(error) from error
        raise


class _WriteShards(beam.DoFn):
    """Writes one shard while the one before it is being committed.

    Until a file has reached the disk takes as long as half of the work on it, and
    no processor: without the thread, a build took 1.3 times as long.
    """

    def __init__(self, file_path_prefix: str, num_shards: int):
        self._prefix = file_path_prefix
        self._num_shards = num_shards
        self._writer: ShardWriter | None = None
        self._commit: Future[ShardReport] | None = None
        self._records = Metrics.counter('write_tfrecord', 'records_in')
        self._shards = Metrics.counter('write_tfrecord', 'shards_written')

    def setup(self):
        files.make_folder(staging_dir(FileSystems.split(self._prefix)[0]))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix='commit_shard')

    def start_bundle(self):
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

    def finish_bundle(self):
        if self._writer is not None:
            shard = self._writer.shard
            self._drop()
            raise RuntimeError(
                f'shard {shard} has no end mark in its bundle: the runner has torn a '
                'shard apart'
            )
        report = self._await_commit()
        if report is not None:
            yield GlobalWindows.windowed_value(report)

    def teardown(self):
        self._drop()
        self._thread.shutdown()

    def _await_commit(self) -> ShardReport | None:
        """The report on the shard before, once it is committed."""
        commit, self._commit = self._commit, None
        if commit is None:
            return None
        report = commit.result()
        self._shards.inc(report.record is not None)
        return report

    def _drop(self):
        """Drops what is unfinished; what is being committed stands for itself."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abort()
        commit, self._commit = self._commit, None
        if commit is not None:
            wait([commit])


class WriteToTFRecord(beam.io.WriteToTFRecord):
    """Writes shards of records to TFRecord files, uncompressed.

    Takes, bundle by bundle, whole shards: the ``Record``s of one in order, then
    its ``ShardEnd``. Gives a ``ShardReport`` for each.
    """

    def __init__(self, file_path_prefix: str, num_shards: int):
        """Initializes the transform.

        Args:
          file_path_prefix: directory and first part of the files' names; they
            end in ``-SSSSS-of-NNNNN``.
          num_shards: the number of files, at least 1.
        """
        if num_shards < 1:
            raise ValueError(f'num_shards is {num_shards}, expected at least 1')
        super().__init__(
            file_path_prefix,
            num_shards=num_shards,
            compression_type=CompressionTypes.UNCOMPRESSED,
        )
        self._file_path_prefix = file_path_prefix
        self._num_shards = num_shards

    def expand(self, records):
        return records | 'Write shard files' >> beam.ParDo(
            _WriteShards(self._file_path_prefix, self._num_shards)
        ).with_output_types(ShardReport)
