"""Holds the output directory for the time of one build."""

import contextlib
from collections.abc import Iterator

from indexed_imagenet.errors import UserError
from indexed_imagenet.output.lock import acquire_lock, wait_for_workers
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.prepare_output import list_shards
from indexed_imagenet.transforms.storage.atomic import is_temporary, temporary_path


def _check_writable(path: str) -> None:
    probe = temporary_path(layout.staging_dir(path), 'probe')
    with storage.create(probe):
        pass
    storage.delete(probe)


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


@contextlib.contextmanager
def open_output(path: str, interrupt: Interrupt) -> Iterator[None]:
    """Makes the output directory ready, and removes what is not output at the end.

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
            lock = held.enter_context(acquire_lock(path, interrupt))
            storage.make_folder(layout.staging_dir(path))
            wait_for_workers(layout.staging_dir(path))
            clean_staging(path)
            storage.make_folder(layout.staging_dir(path))
            _check_writable(path)
        except OSError as error:
            remedy = 'choose another, make room, or change its owner or mode'
            if not storage.is_local(path):
                remedy = 'give the account write access, or name another'
            raise UserError(
                f'--output_directory {path} cannot be written: {error_text(error)}; '
                f'{remedy}'
            ) from error
        try:
            yield
        finally:
            if not lock.is_lost:  # else what is there is another build's
                clean_staging(path)
            if not existed:
                storage.remove_empty_folder(path)
