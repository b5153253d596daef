"""The same command again: finished shards are kept, and the bytes are the same."""

import os
import pathlib

import numpy as np
import pytest

from indexed_imagenet.labels.load import METADATA_FILE
from indexed_imagenet.transforms.formats.manifest import read_manifest
from support.commands import build_command, digests

BAD = 'n01739381/n01739381_1309.JPEG'


@pytest.fixture
def output(tmp_path) -> pathlib.Path:
    return tmp_path / 'out'


@pytest.fixture
def reference(build, output):
    """The digests of a finished build, which is in the output directory."""
    assert build().status == 0
    return digests(output)


def inodes(output) -> dict[str, int]:
    """Returns the inode of each shard file."""
    return {path.name: path.stat().st_ino for path in output.glob('*-of-*')}


def rebuilt(before, output) -> set[str]:
    """Returns the names of the shards that are other files than before."""
    return {name for name, node in inodes(output).items() if before.get(name) != node}


@pytest.fixture
def linked(output, tmp_path):
    """Keeps every shard's inode in use, so that no new file gets the same number."""

    def link():
        keep = tmp_path / 'keep'
        keep.mkdir(exist_ok=True)
        for path in output.glob('*-of-*'):
            os.link(path, keep / path.name)
        return inodes(output)

    return link


def test_build_again_after_success_keeps_every_shard(build, output, reference, linked):
    before = linked()
    ended = build()
    assert ended.status == 0
    assert '4 (4 kept)' in ended.out
    assert digests(output) == reference
    assert rebuilt(before, output) == set()


@pytest.mark.parametrize('spoil', ['delete', 'cut', 'no offsets'])
def test_build_again_rebuilds_only_damaged_shards(
    build, output, reference, linked, spoil
):
    before = linked()
    shard = output / 'train-00002-of-00004'
    expected = {shard.name}
    if spoil == 'delete':
        shard.unlink()
    elif spoil == 'cut':
        shard.write_bytes(shard.read_bytes()[:-1])  # the link keeps its inode
        expected = {shard.name}
    else:
        (output / 'train.offsets.npz').unlink()
        expected = {name for name in before if name.startswith('train')}
    assert build().status == 0
    assert digests(output) == reference
    assert rebuilt(before, output) == expected


def test_build_again_with_found_image_rebuilds_its_shard(build, tree, output, linked):
    path = tree / 'train' / BAD
    away = tree / 'away'
    path.rename(away)
    assert build().status == 0
    manifest = read_manifest(str(output), 'train')
    assert (manifest.complete, manifest.missing) == (False, (19,))
    assert (output / 'missing-train.csv').exists()
    before = linked()
    away.rename(path)
    ended = build()
    assert ended.status == 0
    assert len(rebuilt(before, output)) == 1
    assert '4 (3 kept)' in ended.out
    assert not (output / 'missing-train.csv').exists()
    assert read_manifest(str(output), 'train').complete


def test_build_again_with_fewer_images_is_refused_without_overwrite(
    build, tree, output, reference, linked
):
    before = linked()
    (tree / 'train' / BAD).unlink()
    ended = build()
    assert ended.status == 1
    [line] = [x for x in ended.err.splitlines() if x.startswith('error: ')]
    assert f'train: {tree}/train has 1 image fewer than the output directory was' in line
    assert ': 50 now, 51 then; ' in line
    assert digests(output) == reference
    assert build('--overwrite').status == 0
    assert len(rebuilt(before, output)) == 1
    assert read_manifest(str(output), 'train').missing == (19,)


def test_build_again_with_repaired_image_writes_its_shard(build, tree, output, linked):
    path = tree / 'train' / BAD
    data = path.read_bytes()
    path.write_bytes(b'')
    assert build().status == 1
    assert (output / '.build' / 'train').exists()
    assert not (output / '.build' / 'validation').exists()
    before = linked()
    assert len(before) == 3 + 3
    path.write_bytes(data)
    ended = build()
    assert ended.status == 0, ended.err
    assert '4 (3 kept)' in ended.out
    assert len(rebuilt(before, output)) == 1
    assert not list(output.glob('*.csv'))
    assert not (output / '.build').exists()


def test_build_skip_then_repaired_image_rebuilds_its_shard(
    build, tree, output, reference, linked
):
    path = tree / 'train' / BAD
    data = path.read_bytes()
    path.write_bytes(b'')
    for shard in output.glob('train*'):
        shard.unlink()
    assert build().status == 1
    ended = build('--bad_images=skip')
    assert ended.status == 0, ended.err
    assert 'skipped: the data set is marked as incomplete' in ended.err
    assert 'train: incomplete, fingerprint sha256 ' in ended.out
    assert '4 (3 kept)' in ended.out
    manifest = read_manifest(str(output), 'train')
    assert (manifest.complete, manifest.skipped, manifest.missing) == (False, (19,), ())
    assert manifest.examples == 50
    assert (output / 'rejected-train.csv').exists()
    before = linked()
    path.write_bytes(data)
    assert build('--bad_images=skip').status == 0
    assert len(rebuilt(before, output)) == 1
    assert digests(output) == reference


def test_build_without_skip_after_skip_rejects_the_image(build, tree, output):
    (tree / 'train' / BAD).write_bytes(b'')
    assert build('--bad_images=skip').status == 0
    assert build().status == 1
    assert len(list(output.glob('train-*-of-*'))) == 3
    assert not (output / 'train.json').exists()


def test_build_again_with_decode_rebuilds_every_shard(build, output, reference, linked):
    before = linked()
    assert build('--check_images=decode').status == 0
    assert rebuilt(before, output) == set(before)
    assert read_manifest(str(output), 'train').check == 'decode'
    made = digests(output)
    assert {k: v for k, v in made.items() if '-of-' in k} == {
        k: v for k, v in reference.items() if '-of-' in k
    }
    ended = build('--check_images=quick')
    assert '4 (4 kept)' in ended.out
    assert digests(output) == made


class TestAnotherBuild:
    """The output directory holds another build of the split."""

    @pytest.fixture
    def refused(self, build, output, reference):
        def check(*flags) -> str:
            ended = build(*flags)
            assert ended.status == 2
            [line] = [x for x in ended.err.splitlines() if x.startswith('error: ')]
            assert f'--output_directory {output} holds another build of ' in line
            assert '--overwrite' in line
            assert digests(output) == reference
            return line

        return check

    def test_build_another_seed_is_refused(self, refused):
        line = refused('--shuffle_seed=1')
        assert 'of train; it differs in --shuffle_seed: 0 there, 1 now;' in line

    def test_build_another_number_of_shards_is_refused(self, refused):
        line = refused('--validation_shards=4')
        assert 'of validation; it differs in number of shards: 3 there, 4 now;' in line

    def test_build_another_index_is_refused(self, refused, tree):
        path = tree / 'imagenet_index.npz'
        with np.load(path) as index:
            arrays = dict(index)
        for key in ('tr_filenames', 'tr_labels'):
            arrays[key] = arrays[key][::-1]
        np.savez(path, **arrays)
        line = refused()
        assert (
            "of train; it differs in the index's names (--imagenet_index_file): sha256 "
            in line
        )

    def test_build_other_texts_of_a_class_are_refused(self, refused, tmp_path):
        words = METADATA_FILE.read_text().replace('red fox', 'Fox')
        (tmp_path / 'words').write_text(words)
        line = refused(f'--imagenet_metadata_file={tmp_path}/words')
        assert 'synsets and texts (--labels_file, --imagenet_metadata_file)' in line

    def test_build_damaged_manifest_is_refused_without_overwrite(
        self, build, output, reference
    ):
        (output / 'train.json').write_text('{')
        ended = build()
        assert ended.status == 2
        assert 'train.json is not a manifest: ' in ended.err
        assert build('--overwrite').status == 0
        assert digests(output) == reference

    def test_build_overwrite_deletes_the_other_build(self, build, output, reference):
        assert build('--shuffle_seed=1', '--train_shards=5', '--overwrite').status == 0
        assert len(list(output.glob('train-*-of-00005'))) == 5
        assert not list(output.glob('train-*-of-00004'))
        assert read_manifest(str(output), 'train').build_id.shuffle.seed == 1
        assert build('--overwrite').status == 0
        assert digests(output) == reference

    def test_build_overwrite_keeps_shards_of_the_same_build(
        self, build, output, reference, linked
    ):
        before = linked()
        ended = build('--overwrite')
        assert '4 (4 kept)' in ended.out
        assert rebuilt(before, output) == set()

    def test_build_overwrite_of_train_keeps_validation(
        self, run, tree, output, reference
    ):
        command = [
            argument
            for argument in build_command(tree, output)
            if 'validation' not in argument
        ]
        ended = run(*command, '--shuffle_seed=3', '--overwrite', '--direct_num_workers=1')
        assert ended.status == 0, ended.err
        made = digests(output)
        # Scores come from the index; files of TensorFlow Datasets do not name the seed.
        kept = (
            'validation',
            'train.scores.npz',
            'dataset_info.json',
            'features.json',
            'image.class.label.labels.txt',
        )
        for name, digest in reference.items():
            assert (made[name] == digest) == name.startswith(kept), name

    def test_build_damaged_plan_without_shards_is_ignored(self, build, output):
        folder = output / '.build' / 'train'
        folder.mkdir(parents=True)
        (folder / 'identity.json').write_bytes(b'')  # the machine went down
        assert build().status == 0

    def test_build_overwrite_with_blocked_input_deletes_nothing(
        self, build, tree, output, reference
    ):
        (tree / 'train' / 'n01739381' / 'new.JPEG').touch()
        assert build('--overwrite', '--shuffle_seed=1').status == 1
        assert digests(output) == reference
