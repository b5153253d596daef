"""``build --check_kept`` re-reads what it keeps, and recognises what has no manifest."""

import os
import pathlib

import pytest

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.manifest import read_manifest
from support.commands import digests

SHARD = 'train-00001-of-00004'


@pytest.fixture
def output(tmp_path) -> pathlib.Path:
    return tmp_path / 'out'


@pytest.fixture
def whole(build, tree, output):
    """What an undisturbed build gives, converted images included."""
    first, second = sorted((tree / 'train').glob('*/*'))[:2]
    first.write_bytes(pictures.encode_png(pictures.make_pixels(0)))
    second.write_bytes(pictures.encode_cmyk(pictures.make_pixels(1)))
    assert build().status == 0
    assert len(read_manifest(str(output), 'train').converted) >= 2
    return digests(output)


@pytest.fixture
def made_again(output, tmp_path):
    """Says which shards have other files than when it was asked first."""
    keep = tmp_path / 'keep'  # in use, so that no new file gets the same number
    keep.mkdir()
    before: dict[str, int] = {}

    def changed() -> set[str]:
        now = {path.name: path.stat().st_ino for path in output.glob('*-of-*')}
        if before:
            return {name for name, node in now.items() if before[name] != node}
        for name in now:
            os.link(output / name, keep / name)
        before.update(now)
        return set()

    return changed


def flip_bit(path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def errors(ended) -> list[str]:
    return [line for line in ended.err.splitlines() if line.startswith('error: ')]


def test_kept_shards_are_said_to_be_unread(build, whole):
    ended = build()
    assert ended.status == 0
    assert (
        'train: 4 shards kept, contents not re-read (--check_kept re-reads them)'
    ) in ended.err


def test_flipped_bit_is_found_and_its_shard_alone_built_again(
    build, output, whole, made_again
):
    made_again()
    flip_bit(output / SHARD)
    ended = build('--check_kept')
    assert ended.status == 0, ended.err
    assert (
        f'train: 3 shards kept, contents re-read; 1 damaged shard built again: {SHARD}'
    ) in ended.err
    assert 'validation: 3 shards kept, contents re-read\n' in ended.err
    assert digests(output) == whole
    assert made_again() == {SHARD}


@pytest.mark.parametrize('spoil', ['cut', 'cut between frames', 'longer', 'swapped'])
def test_every_kind_of_damage_is_found(build, output, whole, made_again, spoil):
    from indexed_imagenet.transforms.formats.tfrecord import frame, read_frames

    made_again()
    path = output / SHARD
    content = path.read_bytes()
    if spoil == 'cut':
        path.write_bytes(content[:-1])
    elif spoil == 'longer':
        path.write_bytes(content + b'x')
    else:
        frames = list(read_frames(str(path)))
        frames[1:3] = [] if spoil == 'cut between frames' else frames[2:0:-1]
        path.write_bytes(b''.join(b''.join(frame([f.payload], f.crc)) for f in frames))
    ended = build('--check_kept')
    assert ended.status == 0, ended.err
    assert f'1 damaged shard built again: {SHARD}' in ended.err
    assert digests(output) == whole
    assert made_again() == {SHARD}


def lose_manifest(output) -> None:
    (output / 'train.json').unlink()


def damage_manifest(output) -> None:
    (output / 'train.json').write_text('{')


def lose_offsets(output) -> None:
    (output / 'train.offsets.npz').unlink()


def make_it_old(output) -> None:
    (output / 'train.offsets.npz').rename(output / 'train.index.npz')


@pytest.mark.parametrize(
    'lose', [lose_manifest, damage_manifest, lose_offsets, make_it_old]
)
def test_shards_without_entries_are_adopted(build, output, whole, made_again, lose):
    made_again()
    lose(output)
    flip_bit(output / SHARD)
    if lose is not lose_offsets:
        refused = build()
        assert refused.status == 2
        [line] = errors(refused)
        assert 'add --check_kept to keep the shards that match these flags' in line
    ended = build('--check_kept')
    assert ended.status == 0, ended.err
    assert '4 (3 kept)' in ended.out
    assert digests(output) == whole
    assert made_again() == {SHARD}


@pytest.mark.parametrize(
    'flag', ['--shuffle_seed=1', '--train_shards=5', '--validation_shards=2']
)
def test_unknown_shards_of_other_flags_are_refused(build, output, whole, flag):
    for name in ('train.json', 'validation.json'):
        (output / name).unlink()
    before = digests(output)
    ended = build('--check_kept', flag)
    assert ended.status == 2
    [line] = errors(ended)
    assert f'--output_directory {output} holds ' in line
    assert digests(output) == before


def test_another_known_build_is_refused(build, output, whole):
    ended = build('--check_kept', '--shuffle_seed=1')
    assert ended.status == 2
    assert 'it differs in --shuffle_seed' in ended.err
    assert digests(output) == whole


def test_a_shard_with_an_example_whose_image_is_gone_is_not_built_without_it(
    build, tree, output, whole
):
    lose_manifest(output)
    sorted((tree / 'train').glob('*/*'))[5].unlink()
    before = {path.name for path in output.glob('*-of-*')}
    ended = build('--check_kept')
    assert ended.status == 1
    assert 'but its image was not found; give the directory that has it' in ended.err
    assert {path.name for path in output.glob('*-of-*')} == before


def test_skipped_images_stay_skipped_in_adopted_shards(build, tree, output, made_again):
    sorted((tree / 'train').glob('*/*'))[3].write_bytes(b'')
    assert build('--bad_images=skip').status == 0
    whole = digests(output)
    made_again()
    lose_manifest(output)
    ended = build('--bad_images=skip', '--check_kept')
    assert ended.status == 0, ended.err
    assert '4 (4 kept)' in ended.out
    assert digests(output) == whole
    assert made_again() == set()


def test_an_image_replaced_since_is_not_adopted(build, tree, output, whole, made_again):
    made_again()
    lose_manifest(output)
    path = sorted((tree / 'train').glob('*/*'))[9]
    path.write_bytes(pictures.encode_rgb(pictures.make_pixels(5)))
    ended = build('--check_kept')
    assert ended.status == 0, ended.err
    assert len(made_again()) == 1
    assert read_manifest(str(output), 'train').complete
