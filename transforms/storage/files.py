"""Reads, lists and replaces files, on this machine or on an object store.

Local paths take the shortest way (``os.scandir``, ``os.open``): Beam's
``FileSystems`` calls ``stat`` on every file it lists. Any path with a scheme
(``gs://``, ``s3://``) goes through ``FileSystems``, or through ``stores`` where
those do badly.
"""

import contextlib
import io
import os
import shutil
from typing import BinaryIO, NamedTuple

from apache_beam.io.filesystems import FileSystems

from indexed_imagenet.transforms.storage import store_uploads, stores


class Listing(NamedTuple):
    """What stands directly in one folder, in no particular order.

    Names are bytes, as the file system has them: not every name is UTF-8.
    """

    folders: list[bytes]
    files: list[bytes]


def is_local(path: str) -> bool:
    """Whether ``path`` is on this machine's own file system."""
    return FileSystems.get_scheme(path) is None


def join(folder: str, *names: str) -> str:
    """Joins path parts; an empty name stands for the folder itself."""
    parts = [name for name in names if name]
    if is_local(folder):
        return os.path.join(folder, *parts)
    return '/'.join([folder.rstrip('/'), *parts])


def parent(path: str) -> str:
    """The folder that a path is in."""
    return FileSystems.split(path)[0]


def os_name(name: bytes) -> str:
    """A file's name as this system's calls take it."""
    return os.fsdecode(bytes(name))


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere, or to itself
        return False


def list_folder(path: str) -> Listing:
    """Lists one folder. Links to folders count as folders.

    Raises:
      OSError: the folder cannot be read.
    """
    if not is_local(path):
        level = stores.list_level(path)
        return Listing(*([name.encode() for name in names] for names in level))
    folders, files = [], []
    with os.scandir(os.fsencode(path)) as entries:
        for entry in entries:
            (folders if _is_folder(entry) else files).append(entry.name)
    return Listing(folders, files)


def read_bytes(path: str, offset: int = 0, most: int = -1) -> bytes:
    """The content of one file, or a part of it.

    Args:
      path: of the file.
      offset: where to begin, in bytes.
      most: how many bytes to read at most; −1 for all.

    Raises:
      OSError: the file cannot be read.
    """
    if is_local(path):
        with open(path, 'rb') as file:
            file.seek(offset)
            return file.read(most)
    return stores.read_object(path, offset, most)


def open_seekable(path: str) -> BinaryIO:
    """Opens a file for reading at any place in it."""
    if is_local(path):
        return open(path, 'rb')
    return io.BytesIO(read_bytes(path))


def create(path: str) -> BinaryIO:
    """Opens a new file for writing.

    An object of a store appears when it is closed, unless its context ends with an
    exception.

    Raises:
      OSError: it cannot be made; on an object store, that may also come from
        writing and closing.
    """
    return open(path, 'xb') if is_local(path) else store_uploads.Upload(path)


def make_folder(path: str) -> None:
    """Makes a folder and its parents; object stores have none to make."""
    if is_local(path):
        os.makedirs(path, exist_ok=True)


def fsync(file: BinaryIO) -> None:
    """Has a local file that is open for writing on the disk before this returns.

    An object store has an object only when it is closed, and then for good.
    """
    with contextlib.suppress(io.UnsupportedOperation, AttributeError):
        file.flush()
        os.fsync(file.fileno())


def fsync_dir(path: str) -> None:
    """Has the names in a local folder on the disk before this returns."""
    if not is_local(path):
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not every file system can
            os.fsync(fd)
    finally:
        os.close(fd)


def size(path: str) -> int | None:
    """The size of a file in bytes, or None if it is not there.

    Raises:
      OSError: the system does not say.
    """
    if is_local(path):
        try:
            return os.stat(path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
    with stores.as_os_errors():
        [match] = FileSystems.match([path])
    sizes = [m.size_in_bytes for m in match.metadata_list if m.path == path]
    return sizes[0] if sizes else None


def sizes(folder: str) -> dict[str, int]:
    """The size of each file that stands directly in a folder, in bytes, by name.

    Raises:
      OSError: the folder cannot be read.
    """
    if is_local(folder):
        with os.scandir(folder) as entries:
            return {e.name: e.stat().st_size for e in entries if e.is_file()}
    prefix = folder.rstrip('/') + '/'
    with stores.as_os_errors():
        [match] = FileSystems.match([prefix + '*'])
    return {m.path[len(prefix) :]: m.size_in_bytes for m in match.metadata_list}


def rename(source: str, target: str) -> None:
    """Moves a finished file to its final name, over any file of that name.

    An object store has no rename: the object is copied, the copy is checked,
    and then the source is deleted.

    Raises:
      OSError: it cannot be moved; the source is still there.
    """
    if is_local(target):
        os.replace(source, target)
        return
    expected = size(source)
    with stores.as_os_errors():
        FileSystems.copy([source], [target])
    if expected is None or size(target) != expected:
        raise OSError(
            f'{target} has {size(target)} bytes after it was copied from {source}, '
            f'expected {expected}'
        )
    delete(source)


def delete_folder(path: str) -> None:
    """Deletes a folder and all that is in it, as far as that can be done."""
    if is_local(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError), stores.as_os_errors():
        [match] = FileSystems.match([path.rstrip('/') + '/**'])
        if match.metadata_list:
            FileSystems.delete([metadata.path for metadata in match.metadata_list])


def delete(path: str) -> None:
    """Deletes a file if it is there.

    Raises:
      OSError: it is there and stays there.
    """
    if is_local(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    with stores.as_os_errors():
        if FileSystems.exists(path):
            FileSystems.delete([path])
