"""The one interface to everything that holds files, and how paths are taken apart.

A path without a scheme is on this machine; ``gs://BUCKET/NAME`` and ``s3://BUCKET/NAME``
are objects of a store. Object stores have no folders: a folder there is a prefix that
ends in a slash.
"""

import abc
import importlib.util
import os
import posixpath
import re
from collections.abc import Sequence
from types import TracebackType
from typing import BinaryIO, ClassVar, NamedTuple, Self

_URL = re.compile(r'([a-zA-Z][-a-zA-Z0-9+.]*)://')


class Listing(NamedTuple):
    """What is directly in one folder, in no particular order.

    Names are bytes, as the file system has them: not every name is UTF-8.
    """

    folders: list[bytes]
    files: list[bytes]


class Writer(abc.ABC):
    """A new file that is being written.

    As a context manager it is closed at the end, or aborted by an exception.
    """

    @abc.abstractmethod
    def write_parts(self, parts: Sequence[bytes | memoryview]) -> None:
        """Appends some parts, in order.

        Raises:
          OSError: they cannot be written.
        """

    def write(self, data: bytes | memoryview) -> int:
        """Appends data, as ``io`` streams do.

        Raises:
          OSError: it cannot be written.
        """
        self.write_parts([data])
        return len(data)

    @abc.abstractmethod
    def fsync(self) -> None:
        """Waits until what was written survives a loss of power, where that can be asked.

        Raises:
          OSError: it cannot be written.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Finishes the file. An object appears in its store now, and not before.

        Raises:
          OSError: it cannot be finished.
        """

    @abc.abstractmethod
    def abort(self) -> None:
        """Closes the file without finishing it (best effort)."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.close()
        else:
            self.abort()


class Storage(abc.ABC):
    """Lists, reads and replaces files.

    Attributes:
      is_local: whether its files are on this machine's own file system.
      poll_seconds: how long to wait between two looks at something that changes.
    """

    is_local: ClassVar[bool] = False
    poll_seconds: ClassVar[float] = 5.0

    def absolute(self, path: str) -> str:
        """Returns the path in a form that means the same in every process."""
        return path

    @abc.abstractmethod
    def list_folder(self, path: str) -> Listing:
        """Lists one folder. Links to folders count as folders.

        Raises:
          OSError: the folder cannot be read.
        """

    @abc.abstractmethod
    def read_bytes(self, path: str, offset: int, length: int) -> bytes:
        """Returns the content of one file from an offset; all of it if length is −1.

        Raises:
          OSError: the file cannot be read.
        """

    @abc.abstractmethod
    def open_seekable(self, path: str) -> BinaryIO:
        """Opens a file for reading at any place in it.

        Raises:
          OSError: the file cannot be read.
        """

    @abc.abstractmethod
    def open_stream(self, path: str) -> tuple[BinaryIO, int]:
        """Opens a file to read it from its beginning to its end.

        Returns:
          The file and its size in bytes, which is known before any of it is believed.

        Raises:
          OSError: the file cannot be read.
        """

    @abc.abstractmethod
    def create(self, path: str) -> Writer:
        """Opens a new file for writing.

        Raises:
          OSError: it cannot be made; a store may also refuse while it is written.
        """

    @abc.abstractmethod
    def size(self, path: str) -> int | None:
        """Returns the size of a file in bytes, or None if it does not exist.

        Raises:
          OSError: the storage does not answer.
        """

    @abc.abstractmethod
    def sizes(self, folder: str) -> dict[str, int]:
        """Returns the size in bytes of each file directly in a folder, by name.

        Raises:
          OSError: the folder cannot be read.
        """

    @abc.abstractmethod
    def rename(self, source: str, target: str) -> None:
        """Moves a finished file to its final name, over any file of that name.

        Raises:
          OSError: it cannot be moved; the source still exists.
        """

    @abc.abstractmethod
    def delete(self, path: str) -> None:
        """Deletes a file if it exists.

        Raises:
          OSError: it exists and cannot be deleted.
        """

    @abc.abstractmethod
    def delete_folder(self, path: str) -> None:
        """Deletes a folder and everything in it (best effort)."""

    # Object stores have no folders, so there is nothing to do for these.

    def make_folder(self, path: str) -> None:
        """Makes a folder and its parents.

        Raises:
          OSError: it cannot be made.
        """
        return None

    def exists(self, path: str) -> bool:
        """Returns whether a folder exists; an object store's always does."""
        return True

    def is_file(self, path: str) -> bool:
        """Returns whether a path that should be a folder is a file."""
        return False

    def remove_empty_folder(self, path: str) -> None:
        """Removes a folder if it exists and nothing is in it."""
        return None

    def fsync_dir(self, path: str) -> None:
        """Waits until the names in a folder survive a loss of power."""
        return None

    def open_folder(self, path: str) -> int | None:
        """Opens a folder, to lock it; the caller closes the descriptor.

        Returns:
          The descriptor, or None where folders cannot be opened.

        Raises:
          OSError: the folder cannot be opened.
        """
        return None


def is_installed(module: str) -> bool:
    """Returns whether a client library exists, importing only its parent packages."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def scheme_of(path: str) -> str | None:
    """Returns the scheme of a URL, None for a path of this machine."""
    match = _URL.match(path)
    return match[1] if match else None


def split_url(url: str) -> tuple[str, str]:
    """Returns the bucket of an object or a folder, and the name within it."""
    bucket, _, name = url.partition('://')[2].partition('/')
    return bucket, name


def join(folder: str, *names: str) -> str:
    """Joins the parts of a path; an empty name stands for the folder itself."""
    parts = [name for name in names if name]
    if scheme_of(folder) is None:
        return os.path.join(folder, *parts)
    return '/'.join([folder.rstrip('/'), *parts])


def split(path: str) -> tuple[str, str]:
    """Returns the folder that a path is in, and its name there."""
    if scheme_of(path) is None:
        return os.path.split(path)
    return posixpath.split(path)


def os_name(name: bytes) -> str:
    """Returns a file's name as this system's calls take it."""
    return os.fsdecode(bytes(name))
