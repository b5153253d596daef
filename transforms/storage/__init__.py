"""Reads, lists and replaces files, on this machine or in an object store.

The functions here take any path or URL and hand it to the storage that holds it: one
class per kind of storage, one file per class. Only the file of the storage that is used
is imported, so local paths need neither Beam nor a store's client.
"""

import functools
import importlib
from typing import BinaryIO

from indexed_imagenet.transforms.storage.base import (
    Listing,
    Storage,
    Writer,
    join,
    os_name,
    scheme_of,
    split,
    split_url,
)
from indexed_imagenet.transforms.storage.local import LocalStorage

__all__ = [
    'Listing',
    'Storage',
    'Writer',
    'absolute',
    'create',
    'delete',
    'delete_folder',
    'exists',
    'fsync_dir',
    'is_file',
    'is_local',
    'is_within',
    'join',
    'list_folder',
    'make_folder',
    'open_folder',
    'open_seekable',
    'open_stream',
    'os_name',
    'parent',
    'read_bytes',
    'remove_empty_folder',
    'rename',
    'scheme_of',
    'size',
    'sizes',
    'split',
    'split_url',
    'storage_of',
]

_LOCAL = LocalStorage()

# The module and class of each scheme; any other is left to Beam's file systems.
_STORES = {'gs': ('gcs', 'GcsStorage'), 's3': ('s3', 'S3Storage')}
_OTHER = ('beam', 'BeamStorage')


@functools.cache
def _store(scheme: str) -> Storage:
    module, name = _STORES.get(scheme, _OTHER)
    storage: Storage = getattr(importlib.import_module(f'{__name__}.{module}'), name)()
    return storage


def storage_of(path: str) -> Storage:
    """Returns the storage that holds a path."""
    scheme = scheme_of(path)
    return _LOCAL if scheme is None else _store(scheme)


def is_local(path: str) -> bool:
    """Returns whether a path is on this machine's own file system."""
    return scheme_of(path) is None


def is_within(path: str, folder: str) -> bool:
    """Returns whether a path is a folder, or is below it; both are absolute."""
    return f'{path.rstrip("/")}/'.startswith(f'{folder.rstrip("/")}/')


def parent(path: str) -> str:
    """Returns the folder that a path is in."""
    return split(path)[0]


def absolute(path: str) -> str:
    """See ``Storage.absolute``."""
    return storage_of(path).absolute(path)


def list_folder(path: str) -> Listing:
    """See ``Storage.list_folder``."""
    return storage_of(path).list_folder(path)


def read_bytes(path: str, offset: int = 0, length: int = -1) -> bytes:
    """See ``Storage.read_bytes``."""
    return storage_of(path).read_bytes(path, offset, length)


def open_seekable(path: str) -> BinaryIO:
    """See ``Storage.open_seekable``."""
    return storage_of(path).open_seekable(path)


def open_stream(path: str) -> tuple[BinaryIO, int]:
    """See ``Storage.open_stream``."""
    return storage_of(path).open_stream(path)


def create(path: str) -> Writer:
    """See ``Storage.create``."""
    return storage_of(path).create(path)


def size(path: str) -> int | None:
    """See ``Storage.size``."""
    return storage_of(path).size(path)


def sizes(folder: str) -> dict[str, int]:
    """See ``Storage.sizes``."""
    return storage_of(folder).sizes(folder)


def rename(source: str, target: str) -> None:
    """See ``Storage.rename``."""
    storage_of(target).rename(source, target)


def delete(path: str) -> None:
    """See ``Storage.delete``."""
    storage_of(path).delete(path)


def delete_folder(path: str) -> None:
    """See ``Storage.delete_folder``."""
    storage_of(path).delete_folder(path)


def make_folder(path: str) -> None:
    """See ``Storage.make_folder``."""
    storage_of(path).make_folder(path)


def exists(path: str) -> bool:
    """See ``Storage.exists``."""
    return storage_of(path).exists(path)


def is_file(path: str) -> bool:
    """See ``Storage.is_file``."""
    return storage_of(path).is_file(path)


def remove_empty_folder(path: str) -> None:
    """See ``Storage.remove_empty_folder``."""
    storage_of(path).remove_empty_folder(path)


def fsync_dir(path: str) -> None:
    """See ``Storage.fsync_dir``."""
    storage_of(path).fsync_dir(path)


def open_folder(path: str) -> int | None:
    """See ``Storage.open_folder``."""
    return storage_of(path).open_folder(path)
