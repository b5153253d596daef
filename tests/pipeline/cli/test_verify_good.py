"""``verify`` on data sets without a fault, and on directories it cannot verify."""

import json
import shutil

import pytest


def test_verify_good_set_prints_counts_and_fingerprints(verify, good):
    ended = verify(good)
    assert (ended.status, ended.err) == (0, '')
    train, validation = ended.out.splitlines()
    assert train.startswith(
        'train: 51 examples in 4 shards, each index once, names and labels match the '
        "manifest's digests, manifest and offsets match, fingerprint sha256 "
    )
    fingerprint = json.loads((good / 'validation.json').read_text())['fingerprint']
    assert validation.endswith(f'fingerprint sha256 {fingerprint}')


def test_verify_with_index_and_decode_says_so(verify, good, golden):
    ended = verify(good, '--split=train', '--decode', with_index=True)
    assert (ended.status, ended.err) == (0, '')
    [line] = ended.out.splitlines()
    assert f'names and labels match {golden}/imagenet_index.npz' in line
    assert 'every image decoded' in line


def test_verify_incomplete_set_counts_declared_missing(build, tree, verify, tmp_path):
    images = sorted((tree / 'train').glob('*/*'))
    images[3].unlink()
    images[7].write_bytes(b'')
    assert build('--bad_images=skip').status == 0
    ended = verify(tmp_path / 'out')
    assert (ended.status, ended.err) == (0, '')
    assert '49 examples' in ended.out
    assert '2 declared missing' in ended.out


def test_verify_original_builders_shards_pass(verify, golden, tmp_path):
    for split in ('train', 'validation'):
        made = golden / f'expected-{split}.tfrecord'
        shutil.copy(made, tmp_path / f'{split}-00000-of-00001')
    ended = verify(tmp_path)
    assert (ended.status, ended.err) == (0, '')
    assert all(
        'Only structure and uniqueness were checked' in line
        for line in ended.out.splitlines()
    )
    ended = verify(tmp_path, with_index=True)
    assert (ended.status, ended.err) == (0, '')
    assert 'Only structure' not in ended.out


def test_verify_shards_of_a_plain_loop_pass(verify, good, tf, tmp_path):
    examples = []
    for path in sorted(good.glob('train-*-of-*')):
        for record in tf.data.TFRecordDataset(str(path)):
            examples.append(tf.train.Example.FromString(record.numpy()))
    for number in range(2):
        path = str(tmp_path / f'train-{number:05d}-of-00002')
        with tf.io.TFRecordWriter(path) as writer:
            for example in examples[number::2]:
                writer.write(example.SerializeToString())
    for with_index in (False, True):
        ended = verify(tmp_path, with_index=with_index)
        assert (ended.status, ended.err) == (0, '')
        assert 'train: 51 examples in 2 shards' in ended.out


def test_verify_two_workers_pass(run, good):
    ended = run('verify', good, '--direct_num_workers=2')
    assert (ended.status, ended.err) == (0, '')
    assert len(ended.out.splitlines()) == 2


@pytest.mark.parametrize(
    ('directory', 'flags', 'expected'),
    [
        ('none', [], 'no such directory'),
        ('file', [], 'is a file (expected a directory)'),
        ('empty', [], 'holds no shards (train-00000-of-01024, …)'),
        ('data', ['--split=test'], 'split: invalid choice'),
        ('data', ['--train_shards=3'], '--train_shards is a flag of build, not of'),
        ('data', ['--decod'], 'unknown flag --decod'),
        ('data', ['--imagenet_index_file=none.npz'], 'none.npz does not exist'),
    ],
)
def test_verify_unusable_argument_is_one_line_with_status_2(
    verify, data, tmp_path, directory, flags, expected
):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'file').touch()
    ended = verify(tmp_path / directory, *flags)
    assert ended.status == 2, ended
    [line] = ended.err.splitlines()
    assert line.startswith('error: ')
    assert expected in line


def test_verify_without_directory_exits_with_status_2(run):
    ended = run('verify')
    assert ended.status == 2
    assert 'DIR' in ended.err


def test_verify_missing_split_exits_with_status_2(verify, data):
    for path in data.glob('validation*'):
        path.unlink()
    ended = verify(data, '--split=validation')
    assert ended.status == 2
    assert 'holds no validation shards, only those of train' in ended.err
