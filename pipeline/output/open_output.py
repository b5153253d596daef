"""Holds the output directory for the time of one build."""

import contextlib
from collections.abc import Iterator

from indexed_imagenet.errors import UserError
from indexed_imagenet.output.lock import (
    Heartbeat,
    KernelLock,
    acquire_lock,
    wait_for_workers,
)
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.prepare_output import list_shards
from indexed_imagenet.transforms.storage.atomic import is_temporary, temporary_path


def _check_writable(path: str) -> None:
    """Writes, renames and deletes a file, as the job will.

    Mounted buckets (Mountpoint for S3, gcsfuse) may write and not rename. In an object
    store nothing is refused that way, and a rename is a copy.
    """
    probe, target = (
        temporary_path(layout.staging_dir(path), name) for name in ('probe', 'renamed')
    )
    with storage.create(probe):
        pass
    if storage.is_local(path):
        with storage.create(target):  # shards are renamed over damaged ones
            pass
        storage.rename(probe, target)
        storage.delete(target)
    else:
        storage.delete(probe)


def _not_writable(path: str, error: OSError) -> UserError:
    problem = 'cannot be written'
    remedy = 'choose another, make room, or change its owner or mode'
    if not storage.is_local(path):
        remedy = 'give the account write access, or name another'
    elif error.filename2 is not None:  # only a rename has two names
        problem = 'cannot rename files'
        remedy = (
            'if it is a mounted bucket, give its s3:// or gs:// URL; else choose a '
            'directory on a disk'
        )
    return UserError(
        f'--output_directory {path} {problem}: {error_text(error)}; {remedy}'
    )


def _needs_no_staging(path: str, split: str) -> bool:
    """Returns whether nothing that the staging folder has of a split is needed."""
    if storage.size(layout.manifest_path(path, split)) is not None:
        return True
    try:
        entries = storage.list_folder(layout.split_staging_dir(path, split)).files
    except OSError:
        return False
    plan = storage.split(layout.build_plan_path(path, split))[1].encode()
    return set(entries) == {plan} and not list_shards(path, split)


def clean_staging(path: str) -> None:
    """Deletes what the staging folder holds for one run only (best effort).

    The entries of finished shards stay, for a later run that resumes; once a split has
    its manifest, they go too. Files that are not ours stay.
    """
    folder = layout.staging_dir(path)
    with contextlib.suppress(OSError):
        for name in map(storage.os_name, storage.list_folder(folder).files):
            if is_temporary(name):
                storage.delete(storage.join(folder, name))
        storage.delete(layout.input_report_path(path))
        for split in layout.SPLITS:
            storage.delete(layout.summary_path(path, split))
            if _needs_no_staging(path, split):
                storage.delete_folder(layout.split_staging_dir(path, split))
            storage.remove_empty_folder(layout.split_staging_dir(path, split))
        storage.remove_empty_folder(folder)


def _clean_up(path: str, lock: KernelLock | Heartbeat, existed: bool) -> None:
    if not lock.is_lost:  # else what exists is another build's
        clean_staging(path)
    if not existed:
        storage.remove_empty_folder(path)


@contextlib.contextmanager
def open_output(path: str, interrupt: Interrupt) -> Iterator[None]:
    """Makes the output directory ready, and removes what is not output at the end.

    Also if it cannot be made ready: a refused build leaves nothing behind.

    Args:
      path: the directory.
      interrupt: stopped if another build takes the directory over.

    Raises:
      UserError: it cannot be written, or another build is running there.
    """
    existed = storage.exists(path)
    with contextlib.ExitStack() as held:
        try:
            if storage.is_file(path):
                raise UserError(
                    f'--output_directory {path} is a file (expected a directory)'
                )
            storage.make_folder(path)
            lock = held.enter_context(acquire_lock(path, interrupt, existed))
            held.callback(_clean_up, path, lock, existed)
            storage.make_folder(layout.staging_dir(path))
            wait_for_workers(layout.staging_dir(path))
            clean_staging(path)
            storage.make_folder(layout.staging_dir(path))
            _check_writable(path)
        except OSError as error:
            raise _not_writable(path, error) from error
        yield
