"""The whole command on the golden tree, as a person runs it."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

from pipeline.commands import main

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capfd):
    """Runs a command in this process."""

    def run_command(*argv) -> Ended:
        status = main([str(arg) for arg in argv])
        out, err = capfd.readouterr()
        return Ended(status, out, err)

    return run_command


@pytest.fixture
def tree(golden, tmp_path) -> pathlib.Path:
    """A copy of the golden tree that a test may change."""
    copy = tmp_path / 'golden'
    shutil.copytree(golden, copy)
    for path in [copy, *copy.rglob('*')]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


@pytest.fixture
def build(run, tree, tmp_path):
    """Builds from ``tree`` into ``tmp_path / 'out'``, with one worker."""

    def run_build(*more) -> Ended:
        return run(
            *build_command(tree, tmp_path / 'out'), '--direct_num_workers=1', *more
        )

    return run_build


def build_command(tree, output) -> list[str]:
    return [
        'build',
        f'--train_directory={tree}/train',
        f'--validation_directory={tree}/validation',
        f'--imagenet_index_file={tree}/imagenet_index.npz',
        f'--output_directory={output}',
        '--train_shards=4',
        '--validation_shards=3',
    ]


def run_elsewhere(argv, cwd, **more_env) -> Ended:
    """Runs a program in a process of its own."""
    done = subprocess.run(
        [str(arg) for arg in argv],
        cwd=cwd,
        env={**os.environ, **more_env},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def python_m(*argv) -> list[str]:
    return [sys.executable, '-m', 'pipeline', *argv]


def digests(directory) -> dict[str, str]:
    """sha256 of each file below a directory."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(pathlib.Path(directory).rglob('*'))
        if path.is_file()
    }
