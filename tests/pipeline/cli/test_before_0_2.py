"""Data sets built before version 0.2: refused by build and verify, or rebuilt."""

import pathlib

import pytest

from support.commands import build_command, digests

WHAT = 'set built before version 0.2'


@pytest.fixture
def make_old(data):
    """Turns finished splits of the copy into what versions before 0.2 left."""

    def rename(*splits) -> pathlib.Path:
        for split in splits:
            (data / f'{split}.offsets.npz').rename(data / f'{split}.index.npz')
            (data / f'{split}.scores.npz').unlink(missing_ok=True)
        return data

    return rename


@pytest.mark.parametrize('split', ['train', 'validation'])
def test_build_set_before_0_2_is_refused(run, golden, make_old, split):
    data = make_old(split)
    before = digests(data)
    ended = run(*build_command(golden, data), '--direct_num_workers=1')
    assert ended.status == 2
    assert ended.err == (
        f'error: --output_directory {data} holds a {split} {WHAT} ({split}.index.npz '
        f'instead of {split}.offsets.npz); add --check_kept to keep the shards that '
        'match these flags, add --overwrite to delete that build of the split, or choose '
        'another directory\n'
    )
    assert digests(data) == before


def test_build_overwrite_rebuilds_set_before_0_2(run, golden, good, make_old):
    data = make_old('train', 'validation')
    command = build_command(golden, data)
    ended = run(*command, '--direct_num_workers=1', '--overwrite')
    assert ended.status == 0, ended.err
    assert digests(data) == digests(good)


def test_build_check_kept_keeps_shards_of_set_before_0_2(run, golden, good, make_old):
    data = make_old('train', 'validation')
    nodes = {path.name: path.stat().st_ino for path in data.glob('*-of-*')}
    command = build_command(golden, data)
    ended = run(*command, '--direct_num_workers=1', '--check_kept')
    assert ended.status == 0, ended.err
    assert digests(data) == digests(good)
    assert {path.name: path.stat().st_ino for path in data.glob('*-of-*')} == nodes


@pytest.mark.parametrize('split', ['train', 'validation'])
def test_verify_set_before_0_2_is_refused(verify, make_old, split):
    data = make_old(split)
    ended = verify(data)
    assert ended.status == 2
    assert ended.out == ''
    assert ended.err == (
        f'error: {data} holds a {split} {WHAT} ({split}.index.npz instead of '
        f'{split}.offsets.npz); run the build command again with --check_kept to keep '
        'its shards, or with --overwrite\n'
    )


def test_verify_other_split_of_set_before_0_2_passes(verify, make_old):
    ended = verify(make_old('train'), '--split=validation')
    assert (ended.status, ended.err) == (0, '')
    assert ended.out.startswith('validation: 24 examples in 3 shards, ')
