"""Reads records at known places of shard files, from any thread and any process.

Local shards are read with ``pread``, which shares no position between threads or forked
processes. Files stay open, but no more than a bounded number: a default build has 1,024
shards, and ``ulimit -n`` is often 1,024.
"""

import collections
import contextlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from indexed_imagenet.errors import CorruptRecordError
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.tfrecord import (
    OVERHEAD,
    PAYLOAD_OFFSET,
    crc32c,
    mask,
)

# Files that are open at once, and requests to a store that are under way at once.
MAX_OPEN_FILES = 128
_REQUESTS = 32


class _OpenFile:
    """A descriptor that is closed when nothing refers to it any more.

    So a thread that reads keeps its file open, even if others evict it meanwhile.
    """

    def __init__(self, path: str):
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self.fd)


class _OpenFiles:
    """The files that one process has open, the least recently used first."""

    def __init__(self) -> None:
        self._files: collections.OrderedDict[str, _OpenFile] = collections.OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: str) -> _OpenFile:
        with self._lock:
            file = self._files.get(path)
            if file is None:
                file = self._files[path] = _OpenFile(path)
                if len(self._files) > MAX_OPEN_FILES:
                    self._files.popitem(last=False)
            else:
                self._files.move_to_end(path)
            return file


class ShardFiles:
    """The shard files of one split.

    Attributes:
      paths: of each shard, in order.
      verify: whether each record's checksum is checked.
    """

    def __init__(self, paths: Sequence[str], verify: bool):
        self.paths = paths
        self.verify = verify
        self._is_local = not paths or storage.is_local(paths[0])
        # A forked process gets its own: a lock may be held at the time of the fork.
        self._open_files: tuple[int, _OpenFiles] = (os.getpid(), _OpenFiles())

    def read(self, shard: int, offset: int, length: int, index: int) -> bytes:
        """Returns the payload of one record.

        Args:
          shard: its shard, from 0.
          offset: of its frame in the shard's file, in bytes.
          length: of its payload, in bytes.
          index: for the error's text.

        Raises:
          CorruptRecordError: the record is cut off, or its checksum is wrong.
          OSError: the file cannot be read.
        """
        path = self.paths[shard]
        if not self.verify:
            data = self._read_bytes(path, offset + PAYLOAD_OFFSET, length)
            if len(data) != length:
                raise self.error(
                    shard, offset, index, f'{len(data)} bytes (expected {length})'
                )
            return data
        frame = self._read_bytes(path, offset, length + OVERHEAD)
        if len(frame) != length + OVERHEAD:
            raise self.error(
                shard, offset, index, f'{len(frame)} bytes (expected {length + OVERHEAD})'
            )
        return self._check(frame, shard, offset, index)

    def _check(self, frame: bytes, shard: int, offset: int, index: int) -> bytes:
        payload = frame[PAYLOAD_OFFSET:-4]
        stated = int.from_bytes(frame[-4:], 'little')
        found = mask(crc32c(payload))
        length = int.from_bytes(frame[:8], 'little')
        if length != len(payload) or stated != found:
            what = (
                f'length {length}, masked crc32c {stated:#010x} (expected '
                f'{len(payload)} and {found:#010x})'
            )
            raise self.error(shard, offset, index, what)
        return payload

    def read_many(self, places: Sequence[tuple[int, int, int, int]]) -> list[bytes]:
        """Returns several payloads; from a store, with many requests at once.

        Args:
          places: shard, offset, length and index of each.

        Raises:
          CorruptRecordError, OSError: as ``read``.
        """
        if self._is_local or len(places) < 2:
            return [self.read(*place) for place in places]
        with ThreadPoolExecutor(min(_REQUESTS, len(places))) as pool:
            return list(pool.map(lambda place: self.read(*place), places))

    def _read_bytes(self, path: str, offset: int, length: int) -> bytes:
        if not self._is_local:
            return storage.read_bytes(path, offset, length)
        pid, files = self._open_files
        if pid != os.getpid():
            files = _OpenFiles()
            self._open_files = (os.getpid(), files)
        file = files.get(path)
        data = os.pread(file.fd, length, offset)
        while 0 < len(data) < length:  # a read may return less than it was asked for
            more = os.pread(file.fd, length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def error(
        self, shard: int, offset: int, index: int, what: str | Exception
    ) -> CorruptRecordError:
        """Returns the error for a damaged record."""
        text = error_text(what) if isinstance(what, Exception) else what
        return CorruptRecordError(
            f'{self.paths[shard]} at byte {offset:,}, index {index}: the record is '
            f'damaged: {text}; run indexed-imagenet verify on its directory'
        )
