"""The tables that a build writes beside the shards: offsets and scores."""

import numpy as np
import pytest

from indexed_imagenet.transforms.formats.layout import offsets_path
from indexed_imagenet.transforms.formats.manifest import read_manifest
from indexed_imagenet.transforms.formats.offsets import ABSENT, read_offsets

PARTS = [('train', 'tr'), ('validation', 'tt')]


def read_arrays(path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def change_index(tree, **changes) -> None:
    """Replaces arrays of the index file; None removes one."""
    path = tree / 'imagenet_index.npz'
    arrays = {**read_arrays(path), **changes}
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})


@pytest.mark.parametrize(('split', 'part'), PARTS)
def test_build_offsets_find_each_example(golden, good, tf, split, part):
    offsets = read_offsets(offsets_path(str(good), split))
    manifest = read_manifest(str(good), split)
    names = read_arrays(golden / 'imagenet_index.npz')[f'{part}_filenames'].tolist()
    assert len(names) == len(offsets.shard)
    for i, name in enumerate(names):
        shard = good / manifest.shards[offsets.shard[i]].name
        start = int(offsets.offset[i]) + 12
        payload = shard.read_bytes()[start : start + int(offsets.length[i])]
        example = tf.train.Example.FromString(payload)
        assert example.features.feature['index'].int64_list.value[0] == i
        assert example.features.feature['image/filename'].bytes_list.value[0] == name


@pytest.mark.parametrize(('split', 'part'), PARTS)
def test_build_offsets_have_labels_and_names_of_absent_examples(
    tree, build, tmp_path, split, part
):
    images = sorted((tree / split).glob('*/*'))
    for image in images[1:8]:
        image.unlink()
    images[9].write_bytes(b'')
    assert build('--bad_images=skip').status == 0
    index = read_arrays(tree / 'imagenet_index.npz')
    names = index[f'{part}_filenames'].tolist()
    offsets = read_offsets(offsets_path(str(tmp_path / 'out'), split))
    absent = sorted(
        names.index(path.name.encode()) for path in images[1:8] + images[9:10]
    )
    assert np.flatnonzero(offsets.shard == ABSENT).tolist() == absent
    assert offsets.label.tolist() == index[f'{part}_labels'].tolist()
    assert offsets.names.unpack().tolist() == names


def test_build_scores_are_tr_mem_of_the_index(golden, good):
    scores = read_arrays(good / 'train.scores.npz')
    expected = read_arrays(golden / 'imagenet_index.npz')['tr_mem']
    assert list(scores) == ['tr_mem']
    assert scores['tr_mem'].dtype == expected.dtype
    np.testing.assert_array_equal(scores['tr_mem'], expected)
    assert not (good / 'validation.scores.npz').exists()


def test_build_index_without_tr_mem_writes_no_scores(tree, build, tmp_path):
    change_index(tree, tr_mem=None)
    assert build().status == 0
    assert (tmp_path / 'out' / 'train.json').exists()
    assert not (tmp_path / 'out' / 'train.scores.npz').exists()


def test_build_overwrite_with_index_without_tr_mem_removes_scores(tree, build, tmp_path):
    scores = tmp_path / 'out' / 'train.scores.npz'
    assert build().status == 0
    assert scores.exists()
    index = read_arrays(tree / 'imagenet_index.npz')
    reversed_index = {key: index[key][::-1] for key in ('tr_filenames', 'tr_labels')}
    change_index(tree, **reversed_index, tr_mem=None)
    assert build('--overwrite').status == 0
    assert not scores.exists()


def test_build_again_without_tr_mem_removes_scores_and_keeps_shards(
    tree, build, tmp_path
):
    """Scores are not part of the build ID, so the shards are those of the same build."""
    assert build().status == 0
    change_index(tree, tr_mem=None)
    ended = build()
    assert ended.status == 0
    assert '4 (4 kept)' in ended.out
    assert not (tmp_path / 'out' / 'train.scores.npz').exists()


def test_build_again_with_other_tr_mem_replaces_scores(tree, build, tmp_path):
    assert build().status == 0
    other = read_arrays(tree / 'imagenet_index.npz')['tr_mem'][::-1]
    change_index(tree, tr_mem=other)
    assert build().status == 0
    scores = read_arrays(tmp_path / 'out' / 'train.scores.npz')
    np.testing.assert_array_equal(scores['tr_mem'], other)
