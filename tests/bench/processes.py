"""Runs a command and watches the memory of all its processes (Linux)."""

import pathlib
import subprocess
import time
from typing import NamedTuple

# Seconds between two looks; peaks that are shorter may be missed in `total`, not
# in `largest`, which the kernel keeps.
_LOOK_EVERY = 0.05


class Run(NamedTuple):
    """What a command took.

    Attributes:
      seconds: wall time.
      total_mb: most memory of all processes together, shared pages counted
        once (PSS), in 10⁶ bytes.
      largest_mb: most resident memory of any one process, in 10⁶ bytes.
    """

    seconds: float
    total_mb: float
    largest_mb: float


def _family(pid: int) -> list[int]:
    pids = [pid]
    for children in pathlib.Path(f'/proc/{pid}/task').glob('*/children'):
        for child in children.read_text().split():
            pids += _family(int(child))
    return pids


def _kilobytes(path: str, key: str) -> int:
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0


def _look(pid: int) -> tuple[int, int]:
    """Memory of a process and its children: PSS together, highest RSS of one."""
    total, largest = 0, 0
    for member in _family(pid):
        try:
            total += _kilobytes(f'/proc/{member}/smaps_rollup', 'Pss:')
            largest = max(largest, _kilobytes(f'/proc/{member}/status', 'VmHWM:'))
        except OSError:
            continue  # it ended meanwhile
    return total, largest


def run(command: list[str]) -> Run:
    """Runs a command to its end.

    Raises:
      RuntimeError: it ended with an error.
    """
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    total, largest = 0, 0
    while process.poll() is None:
        try:
            total_now, largest_now = _look(process.pid)
        except OSError:
            continue
        total, largest = max(total, total_now), max(largest, largest_now)
        time.sleep(_LOOK_EVERY)
    seconds = time.monotonic() - start
    if process.returncode:
        raise RuntimeError(f'{command}: {process.stderr.read().decode()}')
    return Run(seconds, total * 1024 / 1e6, largest * 1024 / 1e6)
