"""Successful builds: their records and files, the same bytes however they run."""

import json
import sys

import numpy as np
import pytest

from indexed_imagenet.transforms.formats.manifest import read_manifest
from support.commands import ROOT, build_command, digests, python_m, run_elsewhere

SHARDS = [f'train-{i:05d}-of-00004' for i in range(4)] + [
    f'validation-{i:05d}-of-00003' for i in range(3)
]
# Of TensorFlow Datasets; the same for every seed.
TFDS_FILES = ['dataset_info.json', 'features.json', 'image.class.label.labels.txt']
TABLES = [
    *TFDS_FILES,
    'train.json',
    'train.offsets.npz',
    'train.scores.npz',
    'validation.json',
    'validation.offsets.npz',
]


def read_examples(tf, paths):
    """Yields the features of each record, in order."""
    for record in tf.data.TFRecordDataset([str(path) for path in paths]):
        example = tf.train.Example.FromString(record.numpy())
        features = {
            key: (feature.int64_list.value or feature.bytes_list.value)[:]
            for key, feature in example.features.feature.items()
        }
        yield features


@pytest.fixture(scope='module')
def reference(golden, tmp_path_factory):
    """The golden tree, built by one worker in one process."""
    output = tmp_path_factory.mktemp('reference')
    ended = run_elsewhere(
        python_m(*build_command(golden, output), '--direct_num_workers=1'), ROOT
    )
    assert ended.status == 0, ended.err
    return output


def test_build_records_equal_the_original_builders(golden, reference, tf):
    for split, count in (('train', 51), ('validation', 24)):
        expected = {
            features['index'][0]: features
            for features in read_examples(tf, [golden / f'expected-{split}.tfrecord'])
        }
        made = list(read_examples(tf, sorted(reference.glob(f'{split}-*'))))
        assert len(made) == len(expected) == count
        for features in made:
            assert len(features) == 11
            assert features == expected[features['index'][0]]


def test_build_records_are_deterministic_protobuf(reference, tf):
    for record in tf.data.TFRecordDataset([str(reference / name) for name in SHARDS]):
        example = tf.train.Example.FromString(record.numpy())
        assert example.SerializeToString(deterministic=True) == record.numpy()


def test_build_examples_are_in_the_order_of_the_shuffle(golden, reference, tf):
    for split, part, num_shards in (('train', 'tr', 4), ('validation', 'tt', 3)):
        with np.load(golden / 'imagenet_index.npz') as index:
            n = len(index[f'{part}_filenames'])
        ranks = np.random.RandomState(0).permutation(n)
        in_order = np.argsort(ranks)
        made = []
        for shard in range(num_shards):
            path = reference / f'{split}-{shard:05d}-of-{num_shards:05d}'
            indices = [features['index'][0] for features in read_examples(tf, [path])]
            assert all(ranks[i] * num_shards // n == shard for i in indices)
            made += indices
        assert made == in_order.tolist()
        assert made != sorted(made)


def test_build_leaves_only_shards_and_tables(reference):
    assert sorted(path.name for path in reference.iterdir()) == sorted([*SHARDS, *TABLES])


def test_build_two_workers_same_bytes(golden, reference, tmp_path):
    output = tmp_path / 'out'
    ended = run_elsewhere(
        python_m(*build_command(golden, output), '--direct_num_workers=2'), ROOT
    )
    assert ended.status == 0, ended.err
    assert digests(output) == digests(reference)
    assert 'WARNING' not in ended.err


def test_build_beams_direct_runner_same_bytes(golden, reference, tmp_path):
    output = tmp_path / 'out'
    ended = run_elsewhere(
        python_m(*build_command(golden, output), '--runner=DirectRunner'), ROOT
    )
    assert ended.status == 0, ended.err
    assert digests(output) == digests(reference)


def test_build_without_conversions_does_not_import_tensorflow(golden, tmp_path):
    command = [arg for arg in build_command(golden, tmp_path) if 'train' not in arg]
    code = (
        'import sys; from indexed_imagenet.cli.main import main; '
        f'status = main({[*command, "--direct_num_workers=1"]!r}); '
        'print(status, "tensorflow" in sys.modules)'
    )
    ended = run_elsewhere([sys.executable, '-c', code], ROOT)
    assert ended.out.splitlines()[-1] == '0 False', ended


def test_build_relative_paths_same_bytes(golden, reference, tree, tmp_path):
    command = build_command('golden', 'out')
    ended = run_elsewhere([*python_m(*command), '--direct_num_workers=2'], tmp_path)
    assert ended.status == 0, ended.err
    assert digests(tmp_path / 'out') == digests(reference)


def test_build_flat_directory_same_bytes(reference, tree, build, tmp_path):
    for path in list((tree / 'validation').glob('*/*')):
        path.rename(tree / 'validation' / path.name)
    for folder in list((tree / 'validation').iterdir()):
        if folder.is_dir():
            folder.rmdir()
    assert build().status == 0
    assert digests(tmp_path / 'out') == digests(reference)


def test_build_index_of_objects_same_bytes(reference, tree, build, tmp_path):
    (tree / 'imagenet_index_object.npz').rename(tree / 'imagenet_index.npz')
    assert build().status == 0
    assert digests(tmp_path / 'out') == digests(reference)


def test_build_one_split_same_bytes_as_with_the_other(reference, tree, run, tmp_path):
    command = [arg for arg in build_command(tree, tmp_path / 'out') if 'train' not in arg]
    assert run(*command, '--direct_num_workers=1').status == 0
    made, with_train = digests(tmp_path / 'out'), digests(reference)
    # The only file that is about both splits.
    assert made.pop('dataset_info.json') != with_train['dataset_info.json']
    info = json.loads((tmp_path / 'out' / 'dataset_info.json').read_text())
    assert [split['name'] for split in info['splits']] == ['validation']
    kept = ('validation', 'features', 'image')
    assert made == {k: v for k, v in with_train.items() if k.startswith(kept)}


def test_build_another_seed_other_order_same_fingerprint(reference, build, tmp_path):
    assert build('--shuffle_seed=1').status == 0
    made, before = digests(tmp_path / 'out'), digests(reference)
    assert made.keys() == before.keys()
    same = {name for name in made if made[name] == before[name]}
    # Scores come from the index.
    assert same == {'train.scores.npz', *TFDS_FILES}
    fingerprints = [
        read_manifest(str(output), 'train').fingerprint
        for output in (tmp_path / 'out', reference)
    ]
    assert fingerprints[0] == fingerprints[1]  # the same examples in other places


def test_build_summary_table_counts_what_was_built(build, tmp_path):
    ended = build()
    rows = {
        cells[0].strip(): [cell.strip() for cell in cells[1:]]
        for cells in (line.split('│') for line in ended.out.splitlines())
        if len(cells) == 3
    }
    assert rows['examples'] == ['51', '24']
    assert rows['shards'] == ['4', '3']
    assert rows['bytes'] == ['468,974', '299,540']
    assert rows['classes'] == ['8', '8']
    assert rows['converted PNG / CMYK'] == ['1 / 2', '0 / 0']
    assert rows['missing'] == ['0', '0']
    assert rows['rejected'] == ['0', '0']
    assert '51 of 51 records' in ended.err
    for split in ('train', 'validation'):
        fingerprint = read_manifest(str(tmp_path / 'out'), split).fingerprint
        assert f'{split}: complete, fingerprint sha256 {fingerprint}' in ended.out


def test_build_missing_images_are_counted_and_listed(
    reference, tree, build, tmp_path, tf
):
    gone = sorted((tree / 'train').glob('*/*'))[3:20]
    for path in gone:
        path.unlink()
    ended = build()
    assert ended.status == 0
    assert '17 images of the index are missing' in ended.err
    assert str(tmp_path / 'out' / 'missing-train.csv') in ended.err
    with np.load(tree / 'imagenet_index.npz') as index:
        names = index['tr_filenames'].tolist()
    expected = sorted(names.index(path.name.encode()) for path in gone)
    lines = (tmp_path / 'out' / 'missing-train.csv').read_text().splitlines()
    assert lines == ['index,filename', *(f'{i},{names[i].decode()}' for i in expected)]

    # The others keep their places.
    def indices(directory, shard):
        return [f['index'][0] for f in read_examples(tf, [directory / shard])]

    for shard in SHARDS[:4]:
        before = [i for i in indices(reference, shard) if i not in expected]
        assert indices(tmp_path / 'out', shard) == before


def test_build_shard_without_images_is_an_empty_file(tree, run, tmp_path):
    kept = sorted((tree / 'validation').glob('*/*'))[0]
    for path in (tree / 'validation').glob('*/*'):
        if path != kept:
            path.unlink()
    command = build_command(tree, tmp_path / 'out')[2:]
    ended = run(
        'build', *command[:-2], '--validation_shards=24', '--direct_num_workers=1'
    )
    assert ended.status == 0, ended.err
    sizes = sorted(p.stat().st_size for p in (tmp_path / 'out').glob('validation-*'))
    assert len(sizes) == 24
    assert sizes[:23] == [0] * 23
    assert sizes[23] > 0


def test_build_files_that_are_not_images_are_ignored_and_named(
    reference, tree, build, tmp_path
):
    (tree / 'train' / 'n01739381' / 'notes.txt').write_text('not an image')
    (tree / 'train' / 'n01739381' / '._n01739381_1309.JPEG').write_text('from a Mac')
    (tree / 'train' / '.DS_Store').write_text('from a Mac')
    ended = build()
    assert ended.status == 0
    assert (
        'train: ignored 3 files or folders that are neither in the index nor images'
        in ended.err
    )
    assert 'n01739381/notes.txt' in ended.err
    assert digests(tmp_path / 'out') == digests(reference)
