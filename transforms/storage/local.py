"""Files of this machine, by the shortest way: Beam's file systems stat every file.

Neither Beam nor TensorFlow is imported.
"""

import contextlib
import os
import shutil
from collections.abc import Sequence
from typing import BinaryIO

from indexed_imagenet.transforms.storage.base import Listing, Storage, Writer

# What is read of a file at once, unless more is asked for, in bytes.
_BUFFER = 1 << 20


class _LocalWriter(Writer):
    """Appends to a new file, one system call per record."""

    def __init__(self, path: str):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o666)

    def write_parts(self, parts: Sequence[bytes | memoryview]) -> None:
        length = sum(map(len, parts))
        written = os.writev(self._fd, parts)
        while written < length:  # the system may take less, and say why next time
            rest = b''.join(parts)[written:]
            written += os.write(self._fd, rest)

    def fsync(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def abort(self) -> None:
        with contextlib.suppress(OSError):
            self.close()


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere, or to itself
        return False


class LocalStorage(Storage):
    """The file systems of this machine."""

    is_local = True
    poll_seconds = 0.5

    def absolute(self, path: str) -> str:
        return os.path.abspath(os.path.expanduser(path))

    def list_folder(self, path: str) -> Listing:
        folders: list[bytes] = []
        files: list[bytes] = []
        with os.scandir(os.fsencode(path)) as entries:
            for entry in entries:
                (folders if _is_folder(entry) else files).append(entry.name)
        return Listing(folders, files)

    def read_bytes(self, path: str, offset: int, length: int) -> bytes:
        with open(path, 'rb') as file:
            file.seek(offset)
            return file.read(length)

    def open_seekable(self, path: str) -> BinaryIO:
        return open(path, 'rb')

    def open_stream(self, path: str) -> tuple[BinaryIO, int]:
        file = open(path, 'rb', buffering=_BUFFER)  # noqa: SIM115
        return file, os.fstat(file.fileno()).st_size

    def create(self, path: str) -> Writer:
        return _LocalWriter(path)

    def size(self, path: str) -> int | None:
        try:
            return os.stat(path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sizes(self, folder: str) -> dict[str, int]:
        with os.scandir(folder) as entries:
            return {e.name: e.stat().st_size for e in entries if e.is_file()}

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
            with contextlib.suppress(OSError):  # not every file system can
                os.fsync(fd)
        finally:
            os.close(fd)

    def open_folder(self, path: str) -> int | None:
        return os.open(path, os.O_RDONLY)
