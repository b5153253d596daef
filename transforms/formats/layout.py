"""The working folder in the output directory, and what stands in it.

Unfinished files have names of their own here until they are whole. Beside them
stand the verdict, and a folder for each split with the identity of its build,
the record of each finished shard, and a summary: what progress, outcome and a
later run that goes on from here are read from, whatever the runner.
"""

import contextlib
import re
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from indexed_imagenet.transforms.storage import files

NAME = '.build'


def working_folder(output_directory: str) -> str:
    """The working folder of an output directory."""
    return files.join(output_directory, NAME)


def split_folder(output_directory: str, split: str) -> str:
    """The part of the working folder that belongs to one split."""
    return files.join(working_folder(output_directory), split)


def temporary_path(output_directory: str, name: str) -> str:
    """A name that no other attempt at the same file has."""
    unique = f'{name}.{uuid.uuid4().hex}.tmp'
    return files.join(working_folder(output_directory), unique)


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that ``temporary_path`` gave."""
    return re.search(r'\.[0-9a-f]{32}\.tmp$', name) is not None


def verdict_path(output_directory: str) -> str:
    """The note on the verdict."""
    return files.join(working_folder(output_directory), 'verdict.json')


def identity_path(output_directory: str, split: str) -> str:
    """The identity of the build that the records of a split belong to."""
    return files.join(split_folder(output_directory, split), 'identity.json')


def shard_record_path(output_directory: str, split: str, shard_name: str) -> str:
    """The record of one finished shard."""
    return files.join(split_folder(output_directory, split), f'{shard_name}.json')


def summary_path(output_directory: str, split: str) -> str:
    """The summary of one split."""
    return files.join(split_folder(output_directory, split), 'summary.json')


@contextlib.contextmanager
def whole_file(
    path: str, output_directory: str, flushed: bool = False
) -> Iterator[BinaryIO]:
    """Opens a new file that appears under its name when it is whole, or not at all.

    Args:
      path: the final name.
      output_directory: in whose working folder it is unfinished.
      flushed: whether it is on the disk, too, before it has its name.
    """
    temporary = temporary_path(output_directory, 'note')
    files.make_folder(working_folder(output_directory))
    try:
        with files.create(temporary) as file:
            yield file
            if flushed:
                files.flush(file)
        files.make_folder(files.parent(path))
        files.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            files.delete(temporary)
        raise


def write_whole(
    path: str,
    content: bytes | memoryview,
    output_directory: str,
    flushed: bool = False,
) -> None:
    """Writes a small file so that it appears under its name only when whole."""
    with whole_file(path, output_directory, flushed) as file:
        file.write(content)
