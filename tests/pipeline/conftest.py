"""Fixtures that run whole commands on a copy of the golden tree."""

import pathlib
import shutil

import pytest

from indexed_imagenet.cli.main import main
from support.commands import Ended, build_command


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
            *build_command(tree, tmp_path / 'out', '--direct_num_workers=1', *more)
        )

    return run_build
