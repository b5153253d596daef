"""Whole commands, as a person runs them, and what they leave."""

import hashlib
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

import pytest

from indexed_imagenet.cli import build
from indexed_imagenet.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


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
    return [sys.executable, '-m', 'indexed_imagenet', *argv]


def digests(directory) -> dict[str, str]:
    """sha256 of each file below a directory."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(pathlib.Path(directory).rglob('*'))
        if path.is_file()
    }


def refusal(*argv) -> str:
    """The line by which a build is refused before anything is started."""
    with pytest.raises(UserError) as raised:
        build.run(argv)
    assert raised.value.exit_status == 2
    assert '\n' not in str(raised.value)
    return str(raised.value)
