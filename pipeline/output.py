"""Holds the output directory for the time of one build."""

import contextlib
import os
from collections.abc import Iterator, Sequence

from pipeline.build import Split
from pipeline.errors import UserError
from pipeline.interrupt import Interrupt
from pipeline.lock import held_lock, wait_for_workers
from transforms import files
from transforms.working_folder import temporary_path, working_folder
from transforms.write_tfrecord import is_shard_of


def _write_once(path: str) -> None:
    """Makes a new working folder and writes a file there."""
    files.delete_folder(working_folder(path))
    files.make_folder(working_folder(path))
    probe = temporary_path(path, 'probe')
    with files.create(probe):
        pass
    files.delete(probe)


@contextlib.contextmanager
def held_output(path: str, interrupt: Interrupt) -> Iterator[None]:
    """Makes the output directory ready, and takes what is not output away at the end.

    Raises:
      UserError: it cannot be written, or another build is at work there.
    """
    is_new = files.is_local(path) and not os.path.exists(path)
    with contextlib.ExitStack() as held:
        try:
            if files.is_local(path):
                if os.path.isfile(path):
                    raise UserError(
                        f'--output_directory {path} is a file, expected a directory'
                    )
                files.make_folder(path)
            held.enter_context(held_lock(path, interrupt))
            if os.path.isdir(working_folder(path)):
                wait_for_workers(working_folder(path))
            _write_once(path)
        except OSError as error:
            raise UserError(
                f'--output_directory {path} cannot be written: '
                f'{files.reason_of(error)}; choose another, or change its owner or mode'
            ) from error
        try:
            yield
        finally:
            files.delete_folder(working_folder(path))
            if is_new:
                with contextlib.suppress(OSError):  # it has something in it
                    os.rmdir(path)


def check_other_shards(path: str, splits: Sequence[Split]) -> None:
    """Refuses to add shards to those of a build with another number of them.

    Raises:
      UserError: there are such shards, or the directory cannot be listed.
    """
    try:
        present = [files.show_name(name) for name in files.list_folder(path).files]
    except (FileNotFoundError, NotADirectoryError):
        return  # it is going to be made, or found not to be a directory
    except OSError as error:
        reason = files.reason_of(error)
        raise UserError(
            f'--output_directory {path} cannot be listed: {reason}; make it readable'
        ) from error
    for split in splits:
        ours = f'-of-{split.placement.num_shards:05d}'
        for name in sorted(present):
            if is_shard_of(name, split.name) and not name.endswith(ours):
                raise UserError(
                    f'--output_directory {path} holds {name}, of another number of '
                    f'{split.name} shards than {split.placement.num_shards}; choose '
                    'another directory, or delete those files'
                )
