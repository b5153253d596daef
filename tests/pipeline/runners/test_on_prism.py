"""Builds on a real Prism."""

import shutil
import subprocess

import pytest

from support import engines
from support.commands import build_command, digests


@pytest.fixture(scope='module')
def prism() -> list[str]:
    return ['--runner=PrismRunner', f'--prism_location={engines.prism()}']


def test_prism_gives_the_same_bytes(golden, local, tmp_path, run_there, prism):
    ended = run_there(build_command(golden, tmp_path / 'out'), *prism)
    assert ended.status == 0, ended.err
    assert digests(tmp_path / 'out') == local
    assert 'train: complete, fingerprint sha256' in ended.out
    left = subprocess.run(
        ['pgrep', '-f', str(engines.prism())], capture_output=True, check=False
    )
    assert not left.stdout


def test_bad_input_is_told_as_everywhere(golden, tmp_path, run_there, prism):
    tree = tmp_path / 'golden'
    shutil.copytree(golden, tree)
    image = next((tree / 'train').glob('n*/*.JPEG'))
    image.chmod(0o644)
    image.write_bytes(image.read_bytes()[:-100])
    ended = run_there(build_command(tree, tmp_path / 'out'), *prism)
    assert ended.status == 1
    assert f'error: train: {image}' in ended.err
    assert 'Traceback' not in ended.err


def test_a_job_that_fails_is_told_in_one_line(golden, tmp_path, run_there, prism):
    # No directory of the split's notes can be made where a file has its name.
    output = tmp_path / 'out'
    output.mkdir()
    (output / 'train-00000-of-00004').mkdir()
    ended = run_there(build_command(golden, output), *prism)
    assert ended.status in (1, 2)
    lines = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1
    assert 'Traceback' not in ended.err
