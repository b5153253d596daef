"""Keeps a second build out of an output directory.

On a local file system the kernel keeps the lock, and releases it when its holder dies,
however it dies. Object stores and some network disks have no locks: there a small file
is rewritten every few seconds, and one that no longer changes is stale.
"""

import contextlib
import errno
import fcntl
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from indexed_imagenet.errors import UserError
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.layout import lock_path, staging_dir
from indexed_imagenet.transforms.storage.atomic import atomic_write

# Seconds between two heartbeats, and without one until a lock is stale.
_BEAT_EVERY = 10.0
_STALE_AFTER = 45.0
# Seconds within which another launcher that writes at the same time has finished.
_SETTLE = 2.0

# Seconds that the workers of a dead launcher get to end; they look five times per second.
_WAIT_FOR_WORKERS = 20.0

# What a file system answers that keeps no locks on folders.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EINVAL)


def _refusal(path: str, holder: str) -> UserError:
    return UserError(
        f'--output_directory {path} is being written by another build{holder}; wait '
        'until it has ended, or choose another directory'
    )


def _lock_folder(path: str, fd: int) -> bool:
    """Takes the kernel's lock on an open folder; False if there is no such thing.

    Raises:
      UserError: another build has it.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A build that had made the folder may just have removed it again.
        is_ours = os.fstat(fd).st_ino == os.stat(path).st_ino
    except (BlockingIOError, FileNotFoundError):
        is_ours = False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    if not is_ours:
        raise _refusal(path, '')
    return True


def wait_for_workers(folder: str) -> None:
    """Waits until the workers of an earlier launcher that was killed have ended.

    Args:
      folder: the staging folder; each worker holds a shared lock on a local one.

    Raises:
      UserError: they do not end.
    """
    fd = storage.open_folder(folder)
    if fd is None:
        return
    try:
        deadline = time.monotonic() + _WAIT_FOR_WORKERS
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    return
                if time.monotonic() > deadline:
                    raise UserError(
                        f'workers of a build that was killed still hold {folder} after '
                        f'{_WAIT_FOR_WORKERS:.0f} s; end them (`fuser {folder}` lists '
                        'them), then run the same command again'
                    ) from None
            time.sleep(0.1)
    finally:
        os.close(fd)


def _read(path: str) -> dict[str, Any]:
    if storage.size(path) is None:
        return {}
    try:
        content: dict[str, Any] = json.loads(storage.read_bytes(path))
        return content
    except ValueError:
        return {}


class Heartbeat:
    """A lock where the storage has none, kept alive by a thread.

    Attributes:
      is_lost: whether another build has taken it over.
    """

    is_lost = False

    def __init__(self, path: str, interrupt: Interrupt, existed: bool = True):
        """Initializes the lock.

        Args:
          path: the output directory.
          interrupt: stopped if the lock is lost.
          existed: whether the directory is kept when it is empty at the end.
        """
        self._path = path
        self._existed = existed
        self._lock = lock_path(path)
        self._interrupt = interrupt
        self._id = uuid.uuid4().hex
        self._beats = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name='lock', daemon=True)

    def _beat(self) -> None:
        self._beats += 1
        content = {
            'id': self._id,
            'beat': self._beats,
            'holder': f'process {os.getpid()} on {platform.node()}',
        }
        atomic_write(self._lock, json.dumps(content).encode(), staging_dir(self._path))

    def acquire(self) -> None:
        """Acquires the lock.

        Raises:
          UserError: another build has it.
        """
        # By what the object says, not by when: clocks differ.
        found = _read(self._lock)
        deadline = time.monotonic() + _STALE_AFTER
        while found and time.monotonic() < deadline:
            time.sleep(_SETTLE)
            now = _read(self._lock)
            if now and now != found:
                raise _refusal(self._path, f' ({now["holder"]})')
            if not now:
                break
        self._beat()
        time.sleep(_SETTLE)
        now = _read(self._lock)
        if now.get('id') != self._id:
            raise _refusal(self._path, f' ({now.get("holder", "unknown")})')
        self._thread.start()

    def _keep(self) -> None:
        while not self._ended.wait(_BEAT_EVERY):
            try:
                if _read(self._lock).get('id') not in (self._id, None):
                    self.is_lost = True
                    self._interrupt.stop(
                        f'--output_directory {self._path} was taken over by another '
                        'build, because this one gave no sign of life; run the same '
                        'command again when that has ended'
                    )
                    return
                self._beat()
            except Exception:
                continue  # the next one may get through; each store has its own errors

    def release(self) -> None:
        """Ends the heartbeat and deletes the lock, if it is still ours.

        The lock is a file in the staging folder, so what is empty without it is
        removed here and not before.
        """
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(OSError):
            if _read(self._lock).get('id') not in (self._id, None):
                return
            storage.delete(self._lock)
            storage.remove_empty_folder(staging_dir(self._path))
            if not self._existed:
                storage.remove_empty_folder(self._path)


class KernelLock:
    """A lock that cannot be lost."""

    is_lost = False


@contextlib.contextmanager
def acquire_lock(
    path: str, interrupt: Interrupt, existed: bool = True
) -> Iterator[KernelLock | Heartbeat]:
    """Holds the lock on an output directory for as long as the context lasts.

    Args:
      path: the directory, which exists.
      interrupt: stopped if the lock is lost.
      existed: whether the directory is kept when it is empty at the end. (Under a
        kernel's lock the caller removes it.)

    Raises:
      UserError: another build has it.
      OSError: the directory cannot be locked.
    """
    with contextlib.ExitStack() as held:
        fd = storage.open_folder(path)
        if fd is not None:
            held.callback(os.close, fd)
            if _lock_folder(path, fd):
                yield KernelLock()
                return
        heartbeat = Heartbeat(path, interrupt, existed)
        held.callback(heartbeat.release)
        heartbeat.acquire()
        yield heartbeat
