"""Fixtures of the tests of verify: a good data set, and copies to damage."""

import pathlib
import re
import shutil

import pytest

from indexed_imagenet.cli.main import main
from support.commands import build_command
from support.verify import SHARD, frame_offset, read_payloads, write_shard


@pytest.fixture(scope='package')
def good(golden, tmp_path_factory) -> pathlib.Path:
    """The data set that a build makes of the golden tree; not to be changed."""
    output = tmp_path_factory.mktemp('good') / 'out'
    assert main([*build_command(golden, output), '--direct_num_workers=1']) == 0
    return output


@pytest.fixture
def data(good, tmp_path) -> pathlib.Path:
    """A copy of the good data set that a test may damage."""
    return pathlib.Path(shutil.copytree(good, tmp_path / 'data'))


@pytest.fixture
def verify(run, golden):
    """Verifies a directory with one worker."""

    def run_verify(directory, *flags, with_index=False):
        if with_index:
            flags = (*flags, f'--imagenet_index_file={golden}/imagenet_index.npz')
        return run('verify', directory, '--direct_num_workers=1', *flags)

    return run_verify


@pytest.fixture
def faults(verify, data):
    """Verifies the damaged copy; returns each fault without its directory."""

    def find(*flags, **more) -> list[str]:
        ended = verify(data, *flags, **more)
        assert ended.status == 1, ended
        assert 'Traceback' not in ended.err
        lines = [line.removeprefix('error: ') for line in ended.err.splitlines()]
        assert re.search(f'^[0-9,]+ faults? in {re.escape(str(data))}', lines[-1])
        return [line.removeprefix(f'{data}/') for line in lines[:-1]]

    return find


@pytest.fixture
def change(tf, data):
    """Changes one record of a shard; returns its place as verify names it."""

    def change_record(edit, number=2, shard=SHARD) -> str:
        path = data / shard
        payloads = read_payloads(path)
        example = tf.train.Example.FromString(payloads[number])
        index = example.features.feature['index'].int64_list.value[0]
        edit(example.features.feature)
        payloads[number] = example.SerializeToString(deterministic=True)
        offset = frame_offset(path, number)
        write_shard(path, payloads)
        return f'{shard} at byte {offset:,}, index {index}'

    return change_record
