"""Reads pieces of a file, at any place: images, and the headers of archives."""

import os
from typing import Self

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.storage.transient import retry_local


def pread(fd: int, most: int, offset: int, enough: int) -> bytes:
    """Reads up to ``most`` bytes; stops at the end of the file, or with enough.

    Raises:
      OSError: they cannot be read.
    """
    data = os.pread(fd, most, offset)
    while len(data) < enough:  # a read may return less than it was asked for
        more = os.pread(fd, most - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


class RangedFile:
    """A file that stays open while its pieces are read; in a store, its requests."""

    def __init__(self, path: str):
        """Opens the file.

        Raises:
          OSError: it cannot be opened.
        """
        self._path = path
        self._fd = -1
        if storage.is_local(path):
            self._fd = retry_local(lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            self.size = os.fstat(self._fd).st_size
        else:
            size = storage.size(path)
            if size is None:
                raise FileNotFoundError(2, 'no such object', path)
            self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Returns bytes from an offset; fewer only at the end of the file.

        Raises:
          OSError: they cannot be read.
        """
        length = max(0, min(length, self.size - offset))
        if not length:
            return b''
        if self._fd < 0:
            return storage.read_bytes(self._path, offset, length)
        return retry_local(lambda: pread(self._fd, length, offset, enough=length))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
