"""Starts one local worker process of Beam; run as a script, by its path.

Beam would start its worker module in the current folder, which would come
first on the path: a folder that holds another ``pipeline`` or ``transforms``
would have workers import those. Here our packages are imported before anything
else can take their names.
"""

import importlib
import logging
import os
import signal
import sys

QUIET = '--quiet'


def _import_our_packages() -> None:
    """Imports our packages from beside this file, whatever else is on the path."""
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for package in ('pipeline', 'transforms'):
        importlib.import_module(package)
    # Last, not first: beside us there may be others of their names, too.
    sys.path.append(sys.path.pop(0))


if __name__ == '__main__':
    # Logs go to the launcher, which knows how much of them to show. Without any
    # handler the first one logged would add one that writes to the terminal.
    logging.getLogger().addHandler(logging.NullHandler())
    # An error goes to the launcher, too; Beam prints it here besides.
    if QUIET in sys.argv:
        sys.stderr = open(os.devnull, 'w')  # noqa: SIM115
    # Ctrl-C reaches all processes of the terminal; the launcher is the one to tell.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    _import_our_packages()
    from pipeline.memory import give_back_freed_memory

    give_back_freed_memory()
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)
