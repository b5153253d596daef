"""Helpers of the scripts in ``tests/stress``: start builds, and compare their outputs."""

import filecmp
import pathlib
import subprocess
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]


def start(command: Sequence[str], log: pathlib.Path) -> subprocess.Popen[bytes]:
    """Starts a command in the checkout, with its output in a log."""
    with open(log, 'wb') as file:
        return subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)


def child_processes(pid: int) -> list[int]:
    """Returns the IDs of a process's children (Linux)."""
    lists = [
        path.read_text() for path in pathlib.Path(f'/proc/{pid}/task').glob('*/children')
    ]
    return sorted(int(child) for children in lists for child in children.split())


def differences(output: pathlib.Path, expected: pathlib.Path) -> list[str]:
    """Returns a line for each path that is in one directory only or has other bytes."""
    ours, theirs = (
        {str(path.relative_to(folder)) for path in folder.rglob('*')}
        for folder in (output, expected)
    )
    different = ours ^ theirs
    for name in ours & theirs:
        if not filecmp.cmp(output / name, expected / name, shallow=False):
            different.add(name)
    return [f'{name} differs' for name in sorted(different)]
