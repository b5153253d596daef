"""One worker process of a job on this machine: what it does from start to end.

A worker lives no longer than its launcher: on a machine where launchers are
killed, what they leave would go on writing beside the next build.
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

# Seconds between two looks at whether the launcher is still there.
_LOOK_EVERY = 0.2


def _hold(folder: str) -> None:
    """Holds a shared lock on a folder until this process ends.

    A later launcher waits for it. One that came before this lock was taken is
    told apart by ``_end_with``: then the launcher of this process is gone.
    """
    with contextlib.suppress(OSError):  # not every file system has locks
        fd = os.open(folder, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _end_with(launcher: int) -> None:
    """Ends this process once the one that started it is gone."""
    while os.getppid() == launcher:
        time.sleep(_LOOK_EVERY)
    os._exit(1)


def work(environments: SimpleQueue, launcher: int, verbose: bool) -> None:
    """Waits to be told what to work on, and works until the launcher ends it.

    Args:
      environments: gives the variables that Beam's worker reads, and a folder to
        hold a lock on, or ''.
      launcher: the process that started this one.
      verbose: whether errors are printed here, too; they go to the launcher.
    """
    # In a group of its own: Ctrl-C is for the launcher, which stops its workers.
    os.setpgid(0, 0)
    restore_default_signals()
    threading.Thread(target=_end_with, args=(launcher,), daemon=True).start()
    configure_malloc()
    # Logs go to the launcher, which knows how much of them to show. Without any
    # handler the first one logged would add one that writes to the terminal.
    logging.root.handlers[:] = [logging.NullHandler()]
    if not verbose:
        sys.stderr = open(os.devnull, 'w')  # noqa: SIM115
    variables, lock = environments.get()
    os.environ.update(variables)
    if lock:
        _hold(lock)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv[:1])
