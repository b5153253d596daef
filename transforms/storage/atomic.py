"""Files that appear under their names only when they are complete."""

import contextlib
import re
import uuid
from collections.abc import Iterator

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.storage.base import Writer


def temporary_path(staging_dir: str, name: str) -> str:
    """Returns a path in the staging folder that no other attempt at a file uses."""
    return storage.join(staging_dir, f'{name}.{uuid.uuid4().hex}.tmp')


def is_temporary(name: str) -> bool:
    """Returns whether a file's name is one that ``temporary_path`` made."""
    return re.search(r'\.[0-9a-f]{32}\.tmp$', name) is not None


@contextlib.contextmanager
def atomic_open(path: str, staging_dir: str, durable: bool = False) -> Iterator[Writer]:
    """Opens a new file that gets its name at the end of the context, or not at all.

    Args:
      path: the final name.
      staging_dir: the folder it is in until then; made if it is missing.
      durable: fsync it before it gets its name.

    Raises:
      OSError: it cannot be written.
    """
    path, staging_dir = storage.absolute(path), storage.absolute(staging_dir)
    temporary = temporary_path(staging_dir, storage.split(path)[1])
    storage.make_folder(staging_dir)
    try:
        with storage.create(temporary) as file:
            yield file
            if durable:
                file.fsync()
        storage.make_folder(storage.parent(path))
        storage.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            storage.delete(temporary)
        raise


def atomic_write(
    path: str, content: bytes | memoryview, staging_dir: str, durable: bool = False
) -> None:
    """Writes a file so that it appears under its name only when complete.

    The arguments are those of ``atomic_open``.

    Raises:
      OSError: it cannot be written.
    """
    with atomic_open(path, staging_dir, durable) as file:
        file.write(content)
