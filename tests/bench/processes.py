"""Runs a command and measures all of its processes (Linux)."""

import contextlib
import os
import pathlib
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

# Seconds between two samples. Shorter peaks may be missing in `total_mb`, but not in
# `largest_mb`, which the kernel keeps.
_SAMPLE_EVERY = 0.05
# Seconds between two looks for the first file, which is there within a few seconds.
_WATCH_EVERY = 0.005

_TICKS = os.sysconf('SC_CLK_TCK')


class Run(NamedTuple):
    """The time and memory that a command took.

    Attributes:
      seconds: wall time.
      cpu: seconds of processor time, of all processes together.
      total_mb: peak memory of all processes together, with shared pages counted once
        (PSS), in 10⁶ bytes.
      largest_mb: peak resident memory of the largest process, in 10⁶ bytes.
      first: seconds until the watched file existed, or None.
    """

    seconds: float
    cpu: float
    total_mb: float
    largest_mb: float
    first: float | None


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


def _cpu_seconds(pid: int) -> float:
    # After the name, which may hold anything: utime and stime, proc(5).
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class _Watch:
    """The peaks of a command's processes so far."""

    def __init__(self):
        self.total = 0
        self.largest = 0
        self.cpu: dict[int, float] = {}
        self.cpu_before: dict[int, float] = {}

    def begin(self, pids: Sequence[int]) -> None:
        """Notes the time that processes took before the command started."""
        self.sample(pids)
        self.cpu_before = dict(self.cpu)

    def cpu_seconds(self) -> float:
        """Returns the seconds that all processes have taken since."""
        return sum(self.cpu.values()) - sum(self.cpu_before.values())

    def sample(self, pids: Sequence[int]) -> None:
        """Updates the peaks from processes and all their children."""
        total = 0
        for member in (member for pid in pids for member in _family(pid)):
            try:
                total += _kilobytes(f'/proc/{member}/smaps_rollup', 'Pss:')
                peak = _kilobytes(f'/proc/{member}/status', 'VmHWM:')
                self.cpu[member] = _cpu_seconds(member)
            except OSError:
                continue  # it has just ended
            self.largest = max(self.largest, peak)
        self.total = max(self.total, total)


def _wait_for_file(
    folder: pathlib.Path, pattern: str, start: float, found: list[float]
) -> None:
    while not found:
        with contextlib.suppress(FileNotFoundError):  # it has just been deleted
            if any(folder.glob(pattern)):
                found.append(time.monotonic() - start)
        time.sleep(_WATCH_EVERY)


def run(
    command: list[str],
    folder: str | None = None,
    environment: dict[str, str] | None = None,
    watched: tuple[pathlib.Path, str] | None = None,
    beside: Callable[[], Sequence[int]] = list,
) -> Run:
    """Runs a command to its end.

    Args:
      command: the command and its arguments.
      folder: its current folder.
      environment: variables that it gets in addition to ours.
      watched: a folder, and a pattern for the name of a file that will appear in it.
      beside: returns other processes that are measured with it, children included.

    Raises:
      RuntimeError: the command failed.
    """
    watch = _Watch()
    watch.begin(beside())
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    first: list[float] = []
    if watched is not None:
        arguments = (*watched, start, first)
        threading.Thread(target=_wait_for_file, args=arguments, daemon=True).start()
    ended: list[float] = []

    def wait() -> None:
        process.wait()
        ended.append(time.monotonic())

    waiter = threading.Thread(target=wait)
    waiter.start()
    while waiter.is_alive():
        try:
            watch.sample([process.pid, *beside()])
        except OSError:
            continue  # it has just ended
        waiter.join(_SAMPLE_EVERY)
    seconds = ended[0] - start
    log = process.stderr.read().decode()
    found = first[0] if first else None
    first.append(seconds)  # ends the waiting thread
    if process.returncode:
        raise RuntimeError(f'{command} exited with status {process.returncode}: {log}')
    megabytes = [kilobytes * 1024 / 1e6 for kilobytes in (watch.total, watch.largest)]
    return Run(seconds, watch.cpu_seconds(), *megabytes, found)
