"""The working folder in the output directory, and what stands in it.

Unfinished files have names of their own here until they are whole. Beside them
stand the notes that progress and outcome are read from, whatever the runner:
the verdict, one note for each finished shard, one summary for each split.
"""

import contextlib
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from transforms import files

NAME = '.build'


def working_folder(output_directory: str) -> str:
    """The working folder of an output directory."""
    return files.join(output_directory, NAME)


def temporary_path(output_directory: str, name: str) -> str:
    """A name that no other attempt at the same file has."""
    unique = f'{name}.{uuid.uuid4().hex}.tmp'
    return files.join(working_folder(output_directory), unique)


def verdict_path(output_directory: str) -> str:
    """The note on the verdict."""
    return files.join(working_folder(output_directory), 'verdict.json')


def shard_note_path(output_directory: str, shard_name: str) -> str:
    """The note on one finished shard: its records and bytes."""
    return files.join(working_folder(output_directory), f'{shard_name}.json')


def summary_path(output_directory: str, split: str) -> str:
    """The summary of one split."""
    return files.join(working_folder(output_directory), f'{split}.json')


@contextlib.contextmanager
def whole_file(path: str, output_directory: str) -> Iterator[BinaryIO]:
    """Opens a new file that appears under its name when it is whole, or not at all."""
    temporary = temporary_path(output_directory, 'note')
    files.make_folder(working_folder(output_directory))
    try:
        with files.create(temporary) as file:
            yield file
    except BaseException:
        files.delete(temporary)
        raise
    files.rename(temporary, path)


def write_whole(path: str, content: bytes, output_directory: str) -> None:
    """Writes a small file so that it appears under its name only when whole."""
    with whole_file(path, output_directory) as file:
        file.write(content)
