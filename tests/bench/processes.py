"""Runs a command and watches all of its processes (Linux)."""

import contextlib
import os
import pathlib
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

# Seconds between two looks; peaks that are shorter may be missed in `total_mb`, not
# in `largest_mb`, which the kernel keeps.
_LOOK_EVERY = 0.05
# The same for the first file, which a target of a few seconds is about.
_WATCH_EVERY = 0.005

_TICKS = os.sysconf('SC_CLK_TCK')


class Run(NamedTuple):
    """What a command took.

    Attributes:
      seconds: wall time.
      cpu: seconds of processor time, of all processes together.
      total_mb: most memory of all processes together, shared pages counted
        once (PSS), in 10⁶ bytes.
      largest_mb: most resident memory of any one process, in 10⁶ bytes.
      first: seconds until the watched file was there, or None.
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
        """Notes what processes have taken already that are there before the command."""
        self.look(pids)
        self.cpu_before = dict(self.cpu)

    def cpu_seconds(self) -> float:
        """What all processes have taken since."""
        return sum(self.cpu.values()) - sum(self.cpu_before.values())

    def look(self, pids: Sequence[int]) -> None:
        total = 0
        for member in (member for pid in pids for member in _family(pid)):
            try:
                total += _kilobytes(f'/proc/{member}/smaps_rollup', 'Pss:')
                peak = _kilobytes(f'/proc/{member}/status', 'VmHWM:')
                self.cpu[member] = _cpu_seconds(member)
            except OSError:
                continue  # it ended meanwhile
            self.largest = max(self.largest, peak)
        self.total = max(self.total, total)


def _wait_for_file(
    folder: pathlib.Path, pattern: str, start: float, found: list[float]
) -> None:
    while not found:
        with contextlib.suppress(FileNotFoundError):  # it was deleted meanwhile
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
      command: what to run.
      folder: the current folder of it.
      environment: variables that it gets besides ours.
      watched: a folder, and a pattern for the name of a file that will be there.
      beside: gives the processes whose memory, and whose children's, counts as well.

    Raises:
      RuntimeError: it ended with an error.
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
            watch.look([process.pid, *beside()])
        except OSError:
            continue  # it ended meanwhile
        waiter.join(_LOOK_EVERY)
    seconds = ended[0] - start
    said = process.stderr.read().decode()
    found = first[0] if first else None
    first.append(seconds)  # ends the thread that waits
    if process.returncode:
        raise RuntimeError(f'{command} ended with status {process.returncode}: {said}')
    megabytes = [kilobytes * 1024 / 1e6 for kilobytes in (watch.total, watch.largest)]
    return Run(seconds, watch.cpu_seconds(), *megabytes, found)
