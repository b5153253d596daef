"""Reads the images of a shard in order, some ahead of the one that is wanted.

Local files are opened ahead and the system is told that they will be read: it
fetches them while others are encoded, without the cost of threads (read by
threads, images that are in memory already took almost twice the time). Reads
from an object store wait for the network, so threads do them.
"""

import collections
import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from transforms import files
from transforms.rows import WHOLE, Row

# Local files that are open at once, and remote images that are in memory at
# once. Photographs are 0.1 MB on average and 15 MB at most.
OPEN_AHEAD = 16
FETCH_AHEAD = 32


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


def _path(directory: str, row: Row) -> str:
    return files.join(directory, files.os_name(row.source))


def _open(path: str) -> int | OSError:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its other end.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return error
    if hasattr(os, 'posix_fadvise'):  # Linux has it, macOS does not
        with contextlib.suppress(OSError):  # it is but a hint
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
    return fd


def _read_and_close(fd: int, row: Row) -> bytes | OSError:
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return OSError(errno.EINVAL, 'not a regular file')
        length = status.st_size if row.length == WHOLE else row.length
        data = os.pread(fd, length, row.offset)
        while len(data) < length:  # a read may give less than it was asked for
            more = os.pread(fd, length - len(data), row.offset + len(data))
            if not more:
                break
            data += more
        return data
    except OSError as error:
        return error
    finally:
        os.close(fd)


def _read_local(directory, rows):
    opened: collections.deque[tuple[Row, int | OSError]] = collections.deque()

    def take_first():
        row, fd = opened.popleft()
        return row, fd if isinstance(fd, OSError) else _read_and_close(fd, row)

    try:
        for row in rows:
            opened.append((row, _open(_path(directory, row))))
            if len(opened) > OPEN_AHEAD:
                yield take_first()
        while opened:
            yield take_first()
    finally:
        for _, fd in opened:
            if not isinstance(fd, OSError):
                os.close(fd)


def _fetch(path: str, row: Row) -> bytes | OSError:
    try:
        data = files.read_bytes(path)
    except OSError as error:
        return error
    return data if row.length == WHOLE else data[row.offset : row.offset + row.length]


def _read_remote(directory, rows):
    with ThreadPoolExecutor(FETCH_AHEAD, thread_name_prefix='fetch') as pool:
        fetched = collections.deque()
        for row in rows:
            fetched.append((row, pool.submit(_fetch, _path(directory, row), row)))
            if len(fetched) >= FETCH_AHEAD:
                row, future = fetched.popleft()
                yield row, future.result()
        for row, future in fetched:
            yield row, future.result()
