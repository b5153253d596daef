"""The golden tree, built locally to compare with other runners, and damaged."""

import pathlib
import shutil
import time

import pytest

from indexed_imagenet.output import lock
from support.commands import ROOT, Ended, build_command, digests, python_m, run_elsewhere
from support.hostile import make_hostile_folder
from support.processes import MARK


@pytest.fixture(scope='session')
def local(golden, tmp_path_factory) -> dict[str, str]:
    """The digests of a local build of the golden tree."""
    output = tmp_path_factory.mktemp('local') / 'out'
    ended = run_elsewhere(python_m(*build_command(golden, output)), ROOT)
    assert ended.status == 0, ended.err
    return digests(output)


@pytest.fixture
def run_there(tmp_path):
    """Runs a command with the flags of a runner, in a folder of hostile namesakes.

    ``running_with(str(tmp_path))`` is what it leaves running.
    """

    def run(command, *flags) -> Ended:
        folder = make_hostile_folder(tmp_path)
        mark = {MARK: str(tmp_path)}
        return run_elsewhere(python_m(*command, *flags), folder, **mark)

    return run


@pytest.fixture
def cut_image(golden, tmp_path) -> pathlib.Path:
    """A training image that is cut off, in a copy of the golden tree."""
    tree = tmp_path / 'golden'
    shutil.copytree(golden, tree)
    image = next((tree / 'train').glob('n*/*.JPEG'))
    image.chmod(0o644)
    image.write_bytes(image.read_bytes()[:-100])
    return image


@pytest.fixture(scope='module')
def cloud(golden, tmp_path_factory):
    """Stand-ins for Dataflow and Cloud Storage, with the golden tree in a bucket."""
    from support.dataflow_cloud import open_cloud

    with open_cloud(golden, tmp_path_factory.mktemp('cloud')) as cloud:
        yield cloud


@pytest.fixture
def fast_polling(monkeypatch):
    """Shortens the pauses of the lock and of Beam's Dataflow client."""
    from apache_beam.runners.dataflow import dataflow_runner

    monkeypatch.setattr(lock, '_SETTLE', 0.01)

    class FastTime:
        """The time module for a client that polls every five seconds."""

        def __getattr__(self, name):
            return getattr(time, name)

        def sleep(self, seconds):
            time.sleep(min(seconds, 0.1))

    monkeypatch.setattr(dataflow_runner, 'time', FastTime())
