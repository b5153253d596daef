"""One local worker process, from its start to its end.

A worker exits when its launcher dies. Otherwise the workers of a killed launcher would
go on writing during the next build.
"""

import contextlib
import fcntl
import logging
import os
import sys
import threading
import time
from multiprocessing.queues import SimpleQueue

from indexed_imagenet.runners.local.malloc import configure_malloc
from indexed_imagenet.signals import restore_default_signals
from indexed_imagenet.transforms import storage

# Seconds between two checks that the launcher still runs.
_POLL_INTERVAL = 0.2


def _lock_shared(folder: str) -> None:
    """Takes a shared lock on a folder and keeps it until this process ends.

    A later launcher waits for the lock. If that launcher has come first,
    ``_exit_with_parent`` ends this process, as its own launcher is then dead.
    """
    with contextlib.suppress(OSError):  # not every file system has locks
        fd = storage.open_folder(folder)
        if fd is not None:  # object stores have no folders to lock
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _exit_with_parent(launcher: int) -> None:
    """Ends this process once the one that started it is dead."""
    while os.getppid() == launcher:
        time.sleep(_POLL_INTERVAL)
    os._exit(1)


def run_worker(
    environments: 'SimpleQueue[tuple[dict[str, str], str]]', launcher: int, verbose: bool
) -> None:
    """Waits for an assignment, then works until the launcher ends this process.

    Args:
      environments: yields the variables that Beam's worker reads, and a folder to
        lock, or ''.
      launcher: the ID of the process that started this one.
      verbose: print errors here, too; the launcher gets them in any case.
    """
    # A process group of its own: Ctrl-C is for the launcher, which stops its workers.
    os.setpgid(0, 0)
    restore_default_signals()
    threading.Thread(target=_exit_with_parent, args=(launcher,), daemon=True).start()
    configure_malloc()
    # Logs go to the launcher, which knows how much of them to show. Without any
    # handler, the first message would add one that writes to the terminal.
    logging.root.handlers[:] = [logging.NullHandler()]
    if not verbose:
        sys.stderr = open(os.devnull, 'w')  # noqa: SIM115
    variables, lock = environments.get()
    os.environ.update(variables)
    if lock:
        _lock_shared(lock)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv[:1])
