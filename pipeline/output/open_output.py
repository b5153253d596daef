"""Holds the output directory for the time of one build, and looks what is in it."""

import contextlib
import os
from collections.abc import Iterator, Sequence

from indexed_imagenet.errors import UserError
from indexed_imagenet.output.lock import acquire_lock, wait_for_workers
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.index_file import SPLITS
from indexed_imagenet.transforms.formats.layout import (
    build_plan_path,
    input_report_path,
    is_temporary,
    split_staging_dir,
    staging_dir,
    summary_path,
    temporary_path,
)
from indexed_imagenet.transforms.formats.manifest import manifest_path
from indexed_imagenet.transforms.prepare_output import list_shards, read_plan
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.write_tfrecord import shard_names


def _try_to_write(path: str) -> None:
    probe = temporary_path(path, 'probe')
    with files.create(probe):
        pass
    files.delete(probe)


def _is_finished_with(path: str, split: str) -> bool:
    """Whether nothing that the working folder holds of a split is needed any more."""
    if files.size(manifest_path(path, split)) is not None:
        return True
    try:
        noted = set(files.list_folder(split_staging_dir(path, split)).files)
    except OSError:
        return False
    only = os.path.basename(build_plan_path(path, split)).encode()
    return noted == {only} and not list_shards(path, split)


def tidy(path: str) -> None:
    """Deletes what stands in the working folder for one run alone, as far as it can be.

    What stays are records of finished shards, for a later run that goes on from
    there; once a split has its manifest, they go too. What is not ours stays.
    """
    folder = staging_dir(path)
    with contextlib.suppress(OSError):
        for name in map(files.os_name, files.list_folder(folder).files):
            if is_temporary(name):
                files.delete(files.join(folder, name))
        files.delete(input_report_path(path))
        for split in SPLITS:
            files.delete(summary_path(path, split))
            if _is_finished_with(path, split):
                files.delete_folder(split_staging_dir(path, split))
            elif files.is_local(folder):
                with contextlib.suppress(OSError):  # something is in it
                    os.rmdir(split_staging_dir(path, split))
        if files.is_local(folder):
            os.rmdir(folder)  # unless something is in it


@contextlib.contextmanager
def open_output(path: str, interrupt: Interrupt) -> Iterator[None]:
    """Makes the output directory ready, and takes what is not output away at the end.

    Args:
      path: the directory.
      interrupt: told if another build takes it over.

    Raises:
      UserError: it cannot be written, or another build is at work there.
    """
    is_new = files.is_local(path) and not os.path.exists(path)
    with contextlib.ExitStack() as held:
        try:
            if files.is_local(path) and os.path.isfile(path):
                raise UserError(
                    f'--output_directory {path} is a file, expected a directory'
                )
            files.make_folder(path)
            lock = held.enter_context(acquire_lock(path, interrupt))
            files.make_folder(staging_dir(path))
            if files.is_local(path):
                wait_for_workers(staging_dir(path))
            tidy(path)
            files.make_folder(staging_dir(path))
            _try_to_write(path)
        except OSError as error:
            remedy = 'choose another, make room, or change its owner or mode'
            if not files.is_local(path):
                remedy = 'have the account write there, or name another'
            raise UserError(
                f'--output_directory {path} cannot be written: '
                f'{error_text(error)}; {remedy}'
            ) from error
        try:
            yield
        finally:
            if not lock.is_lost:  # else what is there is another build's
                tidy(path)
            if is_new:
                with contextlib.suppress(OSError):  # it has something in it
                    os.rmdir(path)


def check_other_builds(path: str, build_ids: Sequence[BuildId]) -> None:
    """Refuses to mix a build with another one of the same split.

    Raises:
      UserError: there is another build, or the directory cannot be read.
    """
    remedy = (
        'choose another directory, or have what is there of this split deleted with '
        '--overwrite'
    )
    for build_id in build_ids:
        split = build_id.split
        try:
            shards = list_shards(path, split)
            if not shards and files.size(manifest_path(path, split)) is None:
                continue  # a build that had finished nothing is nothing to protect
            found = read_plan(path, split)
        except (FileNotFoundError, NotADirectoryError):
            return  # it is going to be made, or found not to be a directory
        except OSError as error:
            raise UserError(
                f'--output_directory {path} cannot be read: {error_text(error)}; '
                'make it readable'
            ) from error
        except ValueError as error:
            raise UserError(f'--output_directory {path}: {error}; {remedy}') from error
        differences = build_id.differences(found.build_id) if found else []
        if differences:
            raise UserError(
                f'--output_directory {path} holds another build of {split}; it differs '
                f'in {"; ".join(differences)}; give the same flags as then, {remedy}'
            )
        foreign = sorted(set(shards) - set(shard_names(split, build_id.num_shards)))
        if foreign or not found:
            raise UserError(
                f'--output_directory {path} holds {(foreign or shards)[0]}, of which '
                f'nothing there tells the build; {remedy}'
            )
