"""Reads the images of a shard in order, some ahead of the one that is wanted.

Local files are opened ahead and the system is told that they will be read: it
fetches them while others are encoded, without the cost of threads (read by
threads, images that are in memory already took almost twice the time). Reads
from an object store wait for the network, so threads do them.

A read that fails for a reason that may pass is tried again when the image's turn
comes. So is a read of a file that grows or shrinks meanwhile.
"""

import collections
import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from indexed_imagenet.transforms.rows import WHOLE, Row
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.storage.retry import (
    RetryPolicy,
    is_transient_local,
    is_transient_remote,
)

# Local files that are open at once, and remote images that are in memory at
# once. Photographs are 0.1 MB on average and 15 MB at most.
OPEN_AHEAD = 16
FETCH_AHEAD = 32

# No image is larger: a larger file is not read, so that one bad file cannot take
# a worker's memory. One local image is in memory at a time, FETCH_AHEAD remote.
MAX_FILE_BYTES = 256 * 2**20


def read_images(
    directory: str, rows: Iterable[Row]
) -> Iterator[tuple[Row, bytes | OSError]]:
    """Yields each row with its image, or with the error that reading it gave.

    Args:
      directory: what the rows' sources are relative to.
      rows: the images, in the order they are wanted.
    """
    read = _read_local if files.is_local(directory) else _read_remote
    return read(directory, rows)


def _open(path: str) -> int:
    # Without O_NONBLOCK, opening a pipe would wait for its other end.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if hasattr(os, 'posix_fadvise'):  # Linux has it, macOS does not
        with contextlib.suppress(OSError):  # it is but a hint
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
    return fd


def _try_to_open(path: str) -> int | OSError:
    try:
        return _open(path)
    except OSError as error:
        return error


def _check_size(num_bytes: int) -> None:
    if num_bytes > MAX_FILE_BYTES:
        reason = f'{num_bytes:,} bytes, expected at most {MAX_FILE_BYTES:,}'
        raise OSError(errno.EFBIG, reason)


def _pread(fd: int, most: int, offset: int, enough: int) -> bytes:
    """Reads up to ``most`` bytes; at the end of the file, or with enough, it stops."""
    data = os.pread(fd, most, offset)
    while len(data) < enough:  # a read may give less than it was asked for
        more = os.pread(fd, most - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def _read_whole(fd: int, num_bytes: int) -> bytes:
    _check_size(num_bytes)
    # The one byte more shows if it grew, without another call to the system.
    data = _pread(fd, num_bytes + 1, 0, enough=num_bytes)
    if len(data) == num_bytes:
        return data
    if len(data) > num_bytes:
        change = f'it grew beyond {num_bytes:,} bytes while it was read'
    else:
        change = f'it shrank from {num_bytes:,} to {len(data):,} bytes while it was read'
    raise OSError(errno.EAGAIN, change)


def _read_and_close(fd: int, row: Row) -> bytes:
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, 'not a regular file')
        if row.length == WHOLE:
            return _read_whole(fd, status.st_size)
        _check_size(row.length)
        return _pread(fd, row.length, row.offset, enough=row.length)
    finally:
        os.close(fd)


def _open_and_read(path: str, row: Row) -> bytes:
    return _read_and_close(_open(path), row)


def _read_local(directory, rows):
    opened: collections.deque[tuple[Row, str, int | OSError]] = collections.deque()
    retry_policy = RetryPolicy(is_transient_local)
    folder = os.path.join(directory, '')

    def take_first():
        row, path, fd = opened.popleft()
        try:
            if isinstance(fd, OSError):
                raise fd
            image = _read_and_close(fd, row)
        except OSError as error:
            return row, retry_policy.retry(lambda: _open_and_read(path, row), error)
        retry_policy.note_success()
        return row, image

    try:
        for row in rows:
            path = folder + os.fsdecode(row.source)
            opened.append((row, path, _try_to_open(path)))
            if len(opened) > OPEN_AHEAD:
                yield take_first()
        while opened:
            yield take_first()
    finally:
        for _, _, fd in opened:
            if not isinstance(fd, OSError):
                os.close(fd)


def _read_object(path: str, row: Row) -> bytes:
    if row.length != WHOLE:
        _check_size(row.length)
        return files.read_bytes(path, row.offset, row.length)
    data = files.read_bytes(path, most=MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        reason = f'more than {MAX_FILE_BYTES:,} bytes, expected at most that'
        raise OSError(errno.EFBIG, reason)
    return data


def _fetch(path: str, row: Row, retry_policy: RetryPolicy) -> bytes | OSError:
    try:
        image = _read_object(path, row)
    except OSError as error:
        return retry_policy.retry(lambda: _read_object(path, row), error)
    retry_policy.note_success()
    return image


def _read_remote(directory, rows):
    retry_policy = RetryPolicy(is_transient_remote)
    with ThreadPoolExecutor(FETCH_AHEAD, thread_name_prefix='fetch') as pool:
        fetched = collections.deque()
        for row in rows:
            path = files.join(directory, files.os_name(row.source))
            fetched.append((row, pool.submit(_fetch, path, row, retry_policy)))
            if len(fetched) >= FETCH_AHEAD:
                row, future = fetched.popleft()
                yield row, future.result()
        for row, future in fetched:
            yield row, future.result()
