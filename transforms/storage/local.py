"""Files of this machine, by the shortest way: Beam's file systems stat every file.

Neither Beam nor TensorFlow is imported.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from indexed_imagenet.transforms.storage.base import Listing, Storage, Writer
from indexed_imagenet.transforms.storage.transient import retry_local

# What is read of a file at once, unless more is asked for, in bytes.
_BUFFER = 1 << 20

# What a file system answers that cannot fsync folders.
_NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Adds the path to errors of calls that only know a descriptor."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


class _LocalWriter(Writer):
    """Appends to a new file, one system call per record."""

    def __init__(self, path: str):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._path = path
        self._fd = os.open(path, flags, 0o666)

    def write_parts(self, parts: Sequence[bytes | memoryview]) -> None:
        length = sum(map(len, parts))
        with _naming(self._path):
            written = os.writev(self._fd, parts)
            while written < length:  # the system may take less, and say why next time
                rest = b''.join(parts)[written:]
                written += os.write(self._fd, rest)

    def fsync(self) -> None:
        with _naming(self._path):
            os.fsync(self._fd)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with _naming(self._path):
                os.close(fd)

    def abort(self) -> None:
        with contextlib.suppress(OSError):
            self.close()


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere, or to itself
        return False


def _list_folder(path: str) -> Listing:
    folders: list[bytes] = []
    files: list[bytes] = []
    with os.scandir(os.fsencode(path)) as entries:
        for entry in entries:
            (folders if _is_folder(entry) else files).append(entry.name)
    return Listing(folders, files)


def _read_bytes(path: str, offset: int, length: int) -> bytes:
    with open(path, 'rb') as file:
        file.seek(offset)
        return file.read(length)


def _open_stream(path: str) -> tuple[BinaryIO, int]:
    file = open(path, 'rb', buffering=_BUFFER)  # noqa: SIM115
    try:
        return file, os.fstat(file.fileno()).st_size
    except OSError:
        file.close()
        raise


def _sizes(folder: str) -> dict[str, int]:
    with os.scandir(folder) as entries:
        return {e.name: e.stat().st_size for e in entries if _is_file(e)}


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return False


class LocalStorage(Storage):
    """The file systems of this machine."""

    is_local = True
    poll_seconds = 0.5

    def absolute(self, path: str) -> str:
        return os.path.abspath(os.path.expanduser(path))

    def list_folder(self, path: str) -> Listing:
        return retry_local(lambda: _list_folder(path))

    def read_bytes(self, path: str, offset: int, length: int) -> bytes:
        return retry_local(lambda: _read_bytes(path, offset, length))

    def open_seekable(self, path: str) -> BinaryIO:
        return retry_local(lambda: open(path, 'rb'))

    def open_stream(self, path: str) -> tuple[BinaryIO, int]:
        return retry_local(lambda: _open_stream(path))

    def create(self, path: str) -> Writer:
        return _LocalWriter(path)

    def size(self, path: str) -> int | None:
        try:
            return retry_local(lambda: os.stat(path).st_size)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sizes(self, folder: str) -> dict[str, int]:
        return retry_local(lambda: _sizes(folder))

    def rename(self, source: str, target: str) -> None:
        os.replace(source, target)

    def delete(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def delete_folder(self, path: str) -> None:
        shutil.rmtree(path, ignore_errors=True)

    def make_folder(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def is_file(self, path: str) -> bool:
        return os.path.isfile(path)

    def remove_empty_folder(self, path: str) -> None:
        with contextlib.suppress(OSError):
            os.rmdir(path)

    def fsync_dir(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY)
        try:
            with _naming(path):
                os.fsync(fd)
        except OSError as error:
            if error.errno not in _NO_FSYNC:
                raise
        finally:
            os.close(fd)

    def open_folder(self, path: str) -> int | None:
        return os.open(path, os.O_RDONLY)
