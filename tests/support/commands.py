"""Runs whole commands, and reads the files that they leave."""

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
    """The exit status and output of a command."""

    status: int
    out: str
    err: str


def build_command(tree, output, *flags) -> list[str]:
    """Returns the arguments of a build of a golden tree, 4 and 3 shards.

    Args:
      tree: the golden tree.
      output: the output directory.
      flags: more of them; what they give is not given by the others.
    """
    given = {flag.partition('=')[0] for flag in flags}
    command = [
        'build',
        f'--train_directory={tree}/train',
        f'--validation_directory={tree}/validation',
        f'--imagenet_index_file={tree}/imagenet_index.npz',
        f'--output_directory={output}',
        '--train_shards=4',
        '--validation_shards=3',
    ]
    return [*(f for f in command if f.partition('=')[0] not in given), *flags]


def run_elsewhere(argv, cwd, **more_env) -> Ended:
    """Runs a program in another process and folder.

    Args:
      argv: the program and its arguments.
      cwd: the folder.
      more_env: added to the environment.
    """
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
    """Returns the command ``python -m indexed_imagenet`` with these arguments."""
    return [sys.executable, '-m', 'indexed_imagenet', *argv]


def digests(directory) -> dict[str, str]:
    """Returns the sha256 of each file below a directory, by relative path."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(pathlib.Path(directory).rglob('*'))
        if path.is_file()
    }


def refusal(*argv) -> str:
    """Returns the error of a build that is refused before anything is started."""
    with pytest.raises(UserError) as raised:
        build.run(argv)
    assert raised.value.exit_status == 2
    assert '\n' not in str(raised.value)
    return str(raised.value)
