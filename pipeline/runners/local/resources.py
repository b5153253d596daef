"""What this process may use of the machine: cores and memory.

A job of a cluster's scheduler or a container sees all cores of its machine, but may use
few of them: by its affinity (taskset, cpusets) or by the quota of its cgroup.

Files and their meaning: proc(5) and the kernel's admin guides to cgroup v1 and v2,
https://docs.kernel.org/admin-guide/cgroup-v2.html.
"""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from indexed_imagenet.text import counted

_Number = TypeVar('_Number', int, float)

# Bytes that a worker process may need: 0.675 GB were measured of one that had met an
# image for which it imports TensorFlow.
WORKER_BYTES = 700_000_000

# Where the two versions of cgroups have their files, below /sys/fs/cgroup. Controllers
# of version 1 may be mounted together.
_V2_MOUNTS = ('', 'unified')
_V1_MOUNTS = {
    'cpu': ('cpu', 'cpu,cpuacct', 'cpuacct,cpu'),
    'memory': ('memory',),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Resources:
    """What a process may use.

    Attributes:
      machine_cores: the cores of the machine.
      allowed_cores: those on which the process may run.
      quota: the time on cores that its cgroup gets, in cores; None for no limit.
      memory: bytes that are still free for it; None if that is unknown.
    """

    machine_cores: int
    allowed_cores: int
    quota: float | None
    memory: int | None

    @property
    def cores(self) -> int:
        """The number of workers that can run at the same time."""
        rounded_up = self.allowed_cores if self.quota is None else -(-self.quota // 1)
        return max(1, min(self.allowed_cores, int(rounded_up)))

    @property
    def workers(self) -> int:
        """The number of workers that fit: one per core, as far as memory goes."""
        if self.memory is None:
            return self.cores
        return max(1, min(self.cores, self.memory // WORKER_BYTES))

    def explain(self) -> str | None:
        """Returns why there are fewer workers than cores in the machine, or None."""
        if self.workers >= self.machine_cores:
            return None
        if self.workers < self.cores and self.memory is not None:
            reason = (
                f'{self.memory / 1e9:.1f} GB of memory are free, and a worker may need '
                f'{WORKER_BYTES / 1e9:.1f} GB'
            )
        elif self.cores < self.allowed_cores:
            reason = f"its cgroup's CPU quota is {self.quota:.3g}"
        else:
            reason = f'this process may run on {counted(self.allowed_cores, "core")}'
        return (
            f'using {counted(self.workers, "worker")} on a machine of '
            f'{self.machine_cores} cores: {reason}; --direct_num_workers=N starts N'
        )


def _read_text(path: pathlib.Path) -> str | None:
    with contextlib.suppress(OSError, ValueError):
        return path.read_text()
    return None


def _cgroup_paths(root: pathlib.Path) -> dict[str, str]:
    """Returns the process's cgroup for each controller; '' is that of version 2."""
    paths = {}
    for line in (_read_text(root / 'proc/self/cgroup') or '').splitlines():
        _, _, rest = line.partition(':')
        controllers, _, path = rest.partition(':')
        for controller in controllers.split(','):
            paths[controller.removeprefix('name=')] = path
    return paths


def _folders(root: pathlib.Path, controller: str) -> Iterator[tuple[pathlib.Path, int]]:
    """Yields the folders that may limit a controller, each with its cgroup version.

    These are the process's own cgroup and all above it, as any of them may have the
    lowest limit. In a container its path may not exist, but the topmost folder does.
    """
    paths = _cgroup_paths(root)
    mounts = [(mount, paths.get('', '/'), 2) for mount in _V2_MOUNTS]
    if controller in paths:
        mounts += [(mount, paths[controller], 1) for mount in _V1_MOUNTS[controller]]
    for mount, path, version in mounts:
        top = root / 'sys/fs/cgroup' / mount
        parts = [part for part in path.split('/') if part not in ('', '..')]
        for length in range(len(parts), -1, -1):
            yield top.joinpath(*parts[:length]), version


def _number(text: str | None) -> int | None:
    """Returns the number in a cgroup's file; None for "max" or a missing file."""
    with contextlib.suppress(ValueError):
        return int(text or '')
    return None


def _field(text: str | None, name: str) -> int:
    """Returns a number from a file with a name and a number on each line, or 0."""
    for line in (text or '').splitlines():
        key, *rest = line.replace(':', ' ').split()[:2] or ['']
        if key == name and rest:
            return _number(rest[0]) or 0
    return 0


def _quota_of(folder: pathlib.Path, version: int) -> float | None:
    if version == 2:
        quota, _, period = (_read_text(folder / 'cpu.max') or '').partition(' ')
    else:
        quota = _read_text(folder / 'cpu.cfs_quota_us') or ''
        period = _read_text(folder / 'cpu.cfs_period_us') or ''
    share, whole = _number(quota), _number(period)
    # Version 1 writes -1 for no limit, version 2 "max".
    return share / whole if share and whole and share > 0 else None


def _free_memory_of(folder: pathlib.Path, version: int) -> int | None:
    """Returns the bytes below a cgroup's limit; what it caches of files is free."""
    if version == 2:
        limits = [_number(_read_text(folder / f'memory.{n}')) for n in ('max', 'high')]
        usage = _number(_read_text(folder / 'memory.current'))
        cached = 'inactive_file'
    else:
        limits = [_number(_read_text(folder / 'memory.limit_in_bytes'))]
        usage = _number(_read_text(folder / 'memory.usage_in_bytes'))
        cached = 'total_inactive_file'
    known = [limit for limit in limits if limit is not None]
    if not known or usage is None:
        return None
    used = usage - _field(_read_text(folder / 'memory.stat'), cached)
    return max(0, min(known) - max(0, used))


def _smallest(values: Iterable[_Number | None]) -> _Number | None:
    return min((value for value in values if value is not None), default=None)


def _allowed_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def read_resources(
    root: pathlib.Path = pathlib.Path('/'),
    allowed_cores: Callable[[], int] = _allowed_cores,
    machine_cores: Callable[[], int | None] = os.cpu_count,
) -> Resources:
    """Returns what this process may use.

    Args:
      root: holds ``proc`` and ``sys``; without them, as on macOS, neither quota nor
        memory is known.
      allowed_cores: returns the number of cores that the process may run on.
      machine_cores: returns the number of cores of the machine, None if unknown.
    """
    allowed = allowed_cores()
    meminfo = _read_text(root / 'proc/meminfo')
    machine_memory = _field(meminfo, 'MemAvailable') * 1024 or None
    cgroup_memory = _smallest(_free_memory_of(*it) for it in _folders(root, 'memory'))
    return Resources(
        machine_cores=max(machine_cores() or 1, allowed),
        allowed_cores=allowed,
        quota=_smallest(_quota_of(*folder) for folder in _folders(root, 'cpu')),
        memory=_smallest((machine_memory, cgroup_memory)),
    )
