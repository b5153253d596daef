"""Builds on a real Prism."""

import pytest

from support import engines
from support.commands import build_command, digests
from support.processes import running_with


@pytest.fixture(scope='module')
def prism() -> list[str]:
    return ['--runner=PrismRunner', f'--prism_location={engines.prism()}']


def test_prism_same_bytes_as_local(golden, local, tmp_path, run_there, prism):
    ended = run_there(build_command(golden, tmp_path / 'out'), *prism)
    assert ended.status == 0, ended.err
    assert digests(tmp_path / 'out') == local
    assert 'train: complete, fingerprint sha256' in ended.out
    assert running_with(str(tmp_path)) == []  # not even Prism


def test_prism_bad_image_error_names_it(cut_image, tmp_path, run_there, prism):
    tree = cut_image.parents[2]
    ended = run_there(build_command(tree, tmp_path / 'out'), *prism)
    assert ended.status == 1
    assert f'error: train: {cut_image}' in ended.err
    assert 'Traceback' not in ended.err


def test_prism_job_fails_error_is_one_line(golden, tmp_path, run_there, prism):
    # The build cannot rename a shard to where a directory has its name.
    output = tmp_path / 'out'
    output.mkdir()
    (output / 'train-00000-of-00004').mkdir()
    ended = run_there(build_command(golden, output), *prism)
    assert ended.status in (1, 2)
    lines = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1
    assert 'Traceback' not in ended.err
