"""Metadata of TensorFlow Datasets: made, remade, compared, and read by TFDS itself."""

import json
import shutil

import pytest

from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.output.tfds_metadata import write_tfds_metadata
from indexed_imagenet.preflight.verify_tfds import check_tfds_metadata
from indexed_imagenet.transforms.formats.canonical_record import KINDS
from indexed_imagenet.transforms.formats.layout import (
    TFDS_FEATURES_FILE,
    TFDS_INFO_FILE,
    TFDS_LABELS_FILE,
)

FILES = (TFDS_FEATURES_FILE, TFDS_INFO_FILE, TFDS_LABELS_FILE)
LABELS = load_labels(str(SYNSETS_FILE), str(METADATA_FILE))


def splits_of(directory) -> dict[str, list[int]]:
    info = json.loads((directory / TFDS_INFO_FILE).read_text())
    return {
        split['name']: [int(length) for length in split['shardLengths']]
        for split in info['splits']
    }


def test_build_leaves_metadata_of_both_splits(build, tmp_path):
    assert build().status == 0
    output = tmp_path / 'out'
    lengths = splits_of(output)
    assert {split: sum(shards) for split, shards in lengths.items()} == {
        'train': 51,
        'validation': 24,
    }
    features = json.loads((output / TFDS_FEATURES_FILE).read_text())
    assert features['featuresDict']['features'].keys() == KINDS.keys()
    names = (output / TFDS_LABELS_FILE).read_text().splitlines()
    assert len(names) == 1001
    assert names[:2] == ['background', 'n01440764']
    assert check_tfds_metadata(str(output), LABELS) == []


def test_splits_built_apart_both_appear(run, tree, tmp_path):
    from support.commands import build_command

    output = tmp_path / 'out'
    command = build_command(tree, output)
    train = [arg for arg in command if 'validation' not in arg]
    validation = [arg for arg in command if 'train' not in arg]
    assert run(*train, '--direct_num_workers=1').status == 0
    assert splits_of(output).keys() == {'train'}
    assert run(*validation, '--direct_num_workers=1').status == 0
    assert splits_of(output).keys() == {'train', 'validation'}


def test_rerun_writes_lost_metadata_again(build, tmp_path):
    assert build().status == 0
    before = {name: (tmp_path / 'out' / name).read_bytes() for name in FILES}
    for name in FILES:
        (tmp_path / 'out' / name).unlink()
    assert build().status == 0
    assert {name: (tmp_path / 'out' / name).read_bytes() for name in FILES} == before


def test_failed_build_leaves_no_metadata(build, tree, tmp_path):
    for split in ('train', 'validation'):
        next((tree / split).rglob('*.JPEG')).write_bytes(b'')
    assert build().status == 1
    assert not any((tmp_path / 'out' / name).exists() for name in FILES)


def test_check_changed_file_is_a_fault_missing_file_is_none(build, run, tmp_path):
    assert build().status == 0
    output = tmp_path / 'out'
    (output / TFDS_LABELS_FILE).unlink()
    assert check_tfds_metadata(str(output), LABELS) == []
    path = output / TFDS_INFO_FILE
    path.write_text(path.read_text().replace('"51"', '"50"').replace('1.0.0', '1.0.1'))
    [fault] = check_tfds_metadata(str(output), LABELS)
    assert str(fault).startswith(f'{path}: does not match the manifests; ')
    ended = run('verify', output)
    assert ended.status == 1
    assert ended.err.splitlines() == [f'error: {fault}', f'error: 1 fault in {output}']


def test_write_no_finished_split_deletes_stale_files(tmp_path):
    for name in FILES:
        (tmp_path / name).touch()
    write_tfds_metadata(str(tmp_path), ['n01440764'])
    assert not any((tmp_path / name).exists() for name in FILES)


@pytest.mark.long
class TestRealTfds:
    @pytest.fixture
    def tfds(self):
        reason = 'TensorFlow Datasets is not installed'
        return pytest.importorskip('tensorflow_datasets', reason=reason)

    def test_builder_from_directory_reads_every_example(self, tfds, build, tmp_path):
        assert build().status == 0
        builder = tfds.builder_from_directory(str(tmp_path / 'out'))
        assert builder.info.splits['train'].num_examples == 51
        label = builder.info.features['image/class/label']
        assert label.int2str(1) == 'n01440764'
        decoders = {'image/encoded': tfds.decode.SkipDecoding()}
        seen = set()
        for example in builder.as_dataset(split='train', decoders=decoders):
            seen.add(int(example['index']))
            assert label.int2str(int(example['image/class/label'])).encode() == (
                example['image/class/synset'].numpy()
            )
        assert seen == set(range(51))
        part = builder.as_dataset(split='train[10:12]+validation', decoders=decoders)
        assert len(list(part)) == 26
        images = builder.as_dataset(split='validation', as_supervised=True)
        for image, number in images.take(3):
            assert image.shape[-1] == 3
            assert 1 <= int(number) <= 1000

    def test_load_by_name_from_a_versioned_folder(self, tfds, build, tmp_path):
        assert build().status == 0
        data_dir = tmp_path / 'data'
        shutil.copytree(tmp_path / 'out', data_dir / 'indexed_imagenet' / '1.0.0')
        data = tfds.load('indexed_imagenet', data_dir=str(data_dir), split='train')
        assert len(data) == 51
