"""Reads the images of a shard in order, some ahead of the one that is wanted.

Local files are opened ahead and the system is told that they will be read: it fetches
them while others are encoded, without the cost of threads (read by threads, images that
are in memory already took almost twice the time). Reads from an object store wait for
the network, so threads do them.

A read that fails for a reason that may pass is retried when the image's turn comes. So
is a read of a file that grows or shrinks meanwhile.
"""

import collections
import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.inputs.ranged import pread
from indexed_imagenet.transforms.inputs.zip_directory import (
    LOCAL_ROOM,
    packed_place,
    unpack_member,
)
from indexed_imagenet.transforms.rows import PLAIN, WHOLE, Row
from indexed_imagenet.transforms.storage.retry import (
    RetryPolicy,
    is_transient_local,
    is_transient_remote,
)

# Local files that are open at once, and remote images that are in memory at once.
# Photographs are 0.1 MB on average and 15 MB at most.
OPEN_AHEAD = 16
FETCH_AHEAD = 32

# Archives that one shard keeps open, more than are read ahead.
OPEN_ARCHIVES = 64

# A larger file is not read, so that one bad file cannot take a worker's memory. One
# local image is in memory at a time, and FETCH_AHEAD remote ones.
MAX_FILE_BYTES = 256 * 2**20


def read_images(
    directory: str, rows: Iterable[Row]
) -> Iterator[tuple[Row, bytes | OSError]]:
    """Yields each row with its image, or with the error that reading it raised.

    Args:
      directory: what the rows' sources are relative to.
      rows: the images, in the order they are wanted.
    """
    read = _read_local if storage.is_local(directory) else _read_remote
    return read(directory, rows)


def _will_need(fd: int, row: Row) -> None:
    if hasattr(os, 'posix_fadvise'):  # Linux has it, macOS does not
        length = 0 if row.length == WHOLE else row.length  # 0 is up to the end
        with contextlib.suppress(OSError):  # only a hint
            os.posix_fadvise(fd, row.offset, length, os.POSIX_FADV_WILLNEED)


def _open(path: str, row: Row) -> int:
    # Without O_NONBLOCK, opening a pipe would wait for its other end.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    _will_need(fd, row)
    return fd


def _check_size(num_bytes: int) -> None:
    if num_bytes > MAX_FILE_BYTES:
        reason = f'{num_bytes:,} bytes (expected at most {MAX_FILE_BYTES:,})'
        raise OSError(errno.EFBIG, reason)


def _read_whole(fd: int, num_bytes: int) -> bytes:
    _check_size(num_bytes)
    # One byte more shows whether it grew, without another system call.
    data = pread(fd, num_bytes + 1, 0, enough=num_bytes)
    if len(data) == num_bytes:
        return data
    if len(data) > num_bytes:
        change = f'it grew beyond {num_bytes:,} bytes while it was read'
    else:
        change = f'it shrank from {num_bytes:,} to {len(data):,} bytes while it was read'
    raise OSError(errno.EAGAIN, change)


def _read_fd(fd: int, row: Row) -> bytes:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, 'not a regular file')
    if row.length == WHOLE:
        return _read_whole(fd, status.st_size)

    def read(offset: int, length: int) -> bytes:
        return pread(fd, length, offset, enough=length)

    return _read_part(read, row)


def _read_part(read: Callable[[int, int], bytes], row: Row) -> bytes:
    """Reads an image within an archive.

    Args:
      read: reads bytes from an offset of the archive; fewer only at its end.
      row: where the image is.
    """
    _check_size(row.length)
    if row.method == PLAIN:
        data = read(row.offset, row.length)
    else:
        _check_size(row.size)
        # One read mostly gets the local header, whose length is not known, as well.
        local = read(row.offset, LOCAL_ROOM + row.length)
        start = packed_place(local)
        data = local[start : start + row.length]
        if len(data) < row.length <= len(local) - LOCAL_ROOM:
            data = read(row.offset + start, row.length)
    if len(data) < row.length:
        reason = f'the archive ends after {len(data):,} of its {row.length:,} bytes'
        raise OSError(errno.EINVAL, reason)
    if row.method != PLAIN:
        return unpack_member(data, row.method, row.size, row.crc)
    return data


def _open_and_read(path: str, row: Row) -> bytes:
    fd = _open(path, row)
    try:
        return _read_fd(fd, row)
    finally:
        os.close(fd)


class _OpenArchives:
    """Keeps the archives that a shard is read from open, the last few used.

    Rows of a shard come from all of them in turn; a thousand inner tars may be one
    file or a thousand.
    """

    def __init__(self) -> None:
        self._fds: collections.OrderedDict[str, int] = collections.OrderedDict()

    def get(self, path: str, row: Row) -> int:
        """Returns the descriptor of an archive, and has a row's bytes fetched."""
        fd = self._fds.pop(path, -1)
        if fd < 0:
            fd = _open(path, row)
        else:
            _will_need(fd, row)
        self._fds[path] = fd
        # Those of the rows ahead stay open: they were used last.
        if len(self._fds) > max(OPEN_ARCHIVES, OPEN_AHEAD + 2):
            os.close(self._fds.popitem(last=False)[1])
        return fd

    def close(self) -> None:
        """Closes all of them."""
        while self._fds:
            os.close(self._fds.popitem()[1])


def _read_local(
    directory: str, rows: Iterable[Row]
) -> Iterator[tuple[Row, bytes | OSError]]:
    opened: collections.deque[tuple[Row, str, int | OSError]] = collections.deque()
    archives = _OpenArchives()
    retry_policy = RetryPolicy(is_transient_local)
    folder = os.path.join(directory, '')

    def try_to_open(path: str, row: Row) -> int | OSError:
        try:
            return _open(path, row) if row.length == WHOLE else archives.get(path, row)
        except OSError as error:
            return error

    def take_first() -> tuple[Row, bytes | OSError]:
        row, path, fd = opened.popleft()
        try:
            if isinstance(fd, OSError):
                raise fd
            try:
                image = _read_fd(fd, row)
            finally:
                if row.length == WHOLE:
                    os.close(fd)
        except OSError as error:
            return row, retry_policy.retry(lambda: _open_and_read(path, row), error)
        retry_policy.note_success()
        return row, image

    try:
        for row in rows:
            path = folder + os.fsdecode(row.source)
            opened.append((row, path, try_to_open(path, row)))
            if len(opened) > OPEN_AHEAD:
                yield take_first()
        while opened:
            yield take_first()
    finally:
        for row, _, fd in opened:
            if row.length == WHOLE and not isinstance(fd, OSError):
                os.close(fd)
        archives.close()


def _read_object(path: str, row: Row) -> bytes:
    if row.length != WHOLE:
        return _read_part(lambda at, length: storage.read_bytes(path, at, length), row)
    data = storage.read_bytes(path, length=MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        reason = f'more than {MAX_FILE_BYTES:,} bytes (expected at most that)'
        raise OSError(errno.EFBIG, reason)
    return data


def _read_remote(
    directory: str, rows: Iterable[Row]
) -> Iterator[tuple[Row, bytes | OSError]]:
    retry_policy = RetryPolicy(is_transient_remote)

    def fetch(row: Row) -> bytes | OSError:
        path = storage.join(directory, storage.os_name(row.source))
        return retry_policy.read(lambda: _read_object(path, row))

    with ThreadPoolExecutor(FETCH_AHEAD, thread_name_prefix='fetch') as pool:
        fetched: collections.deque[tuple[Row, Future[bytes | OSError]]]
        fetched = collections.deque()
        for row in rows:
            fetched.append((row, pool.submit(fetch, row)))
            if len(fetched) >= FETCH_AHEAD:
                first, future = fetched.popleft()
                yield first, future.result()
        for row, future in fetched:
            yield row, future.result()
