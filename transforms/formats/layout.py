"""The working folder in the output directory, and what stands in it.

Unfinished files have names of their own here until they are whole. Beside them
stand the input_report, and a folder for each split with the build_id of its build,
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


def staging_dir(output_directory: str) -> str:
    """The working folder of an output directory."""
    return files.join(output_directory, NAME)


def split_staging_dir(output_directory: str, split: str) -> str:
    """The part of the working folder that belongs to one split."""
    return files.join(staging_dir(output_directory), split)


def temporary_path(output_directory: str, name: str) -> str:
    """A name that no other attempt at the same file has."""
    unique = f'{name}.{uuid.uuid4().hex}.tmp'
    return files.join(staging_dir(output_directory), unique)


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that ``temporary_path`` gave."""
    return re.search(r'\.[0-9a-f]{32}\.tmp$', name) is not None


def input_report_path(output_directory: str) -> str:
    """The note on the input_report."""
    return files.join(staging_dir(output_directory), 'input_report.json')


def build_plan_path(output_directory: str, split: str) -> str:
    """The build_id of the build that the records of a split belong to."""
    return files.join(split_staging_dir(output_directory, split), 'identity.json')


def shard_info_path(output_directory: str, split: str, shard_name: str) -> str:
    """The record of one finished shard."""
    return files.join(split_staging_dir(output_directory, split), f'{shard_name}.json')


def summary_path(output_directory: str, split: str) -> str:
    """The summary of one split."""
    return files.join(split_staging_dir(output_directory, split), 'summary.json')


@contextlib.contextmanager
def atomic_open(
    path: str, output_directory: str, durable: bool = False
) -> Iterator[BinaryIO]:
    """Opens a new file that appears under its name when it is whole, or not at all.

    Args:
      path: the final name.
      output_directory: in whose working folder it is unfinished.
      durable: whether it is on the disk, too, before it has its name.
    """
    temporary = temporary_path(output_directory, 'note')
    files.make_folder(staging_dir(output_directory))
    try:
        with files.create(temporary) as file:
            yield file
            if durable:
                files.fsync(file)
        files.make_folder(files.parent(path))
        files.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            files.delete(temporary)
        raise


def atomic_write(
    path: str,
    content: bytes | memoryview,
    output_directory: str,
    durable: bool = False,
) -> None:
    """Writes a small file so that it appears under its name only when whole."""
    with atomic_open(path, output_directory, durable) as file:
        file.write(content)
