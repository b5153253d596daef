"""Reads pieces of one file, at any place, for the listing of archives."""

import os
from types import TracebackType
from typing import Self

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.storage.transient import retry_local


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
        data = retry_local(lambda: os.pread(self._fd, length, offset))
        while len(data) < length:
            place = offset + len(data)
            more = os.pread(self._fd, length - len(data), place)
            if not more:
                break
            data += more
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
