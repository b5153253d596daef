"""Starts one local worker process of Beam; run as a script, by its path.

Beam would start its worker module in the current folder, which would come
first on the path: a folder that holds another ``pipeline`` or ``transforms``
would have workers import those. Here our packages are imported before anything
else can take their names.

A worker lives no longer than its launcher: on a machine where launchers are
killed, what they leave would go on writing beside the next build.
"""

import contextlib
import fcntl
import importlib
import logging
import os
import sys
import threading
import time

QUIET = '--quiet'

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


def _import_our_packages() -> None:
    """Imports our packages from beside this file, whatever else is on the path."""
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for package in ('pipeline', 'transforms'):
        importlib.import_module(package)
    # Last, not first: beside us there may be others of their names, too.
    sys.path.append(sys.path.pop(0))


if __name__ == '__main__':
    launcher, lock, *flags = sys.argv[1:]
    if lock:
        _hold(lock)
    threading.Thread(target=_end_with, args=(int(launcher),), daemon=True).start()
    # Logs go to the launcher, which knows how much of them to show. Without any
    # handler the first one logged would add one that writes to the terminal.
    logging.getLogger().addHandler(logging.NullHandler())
    # An error goes to the launcher, too; Beam prints it here besides.
    if QUIET in flags:
        sys.stderr = open(os.devnull, 'w')  # noqa: SIM115
    _import_our_packages()
    from pipeline.memory import give_back_freed_memory

    give_back_freed_memory()
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv[:1])
