import numpy as np
import pytest

from indexed_imagenet.sample import pictures
from indexed_imagenet.sample.make import make_index
from indexed_imagenet.sample.plan import Sample

SMALL = ['--train_images=30', '--validation_images=4', '--classes=3', '--pictures=4']


@pytest.fixture
def made(run, tmp_path):
    directory = tmp_path / 'sample'
    ended = run('sample', f'--directory={directory}', *SMALL)
    assert ended.status == 0, ended.err
    return directory


def build(run, directory, output):
    return run(
        'build',
        f'--train_directory={directory}/train',
        f'--validation_directory={directory}/validation',
        f'--imagenet_index_file={directory}/imagenet_index.npz',
        f'--output_directory={output}',
        '--train_shards=3',
        '--validation_shards=2',
        '--direct_num_workers=1',
    )


def check(run, directory, output):
    return run('sample', f'--directory={directory}', *SMALL, f'--check={output}')


def test_sample_made_built_and_checked_matches(run, made, tmp_path):
    assert build(run, made, tmp_path / 'out').status == 0
    ended = check(run, made, tmp_path / 'out')
    assert ended.status == 0, ended.err
    assert '30 train and 4 validation examples, each index once' in ended.out


def test_check_changed_image_and_empty_shard_are_found(run, made, tmp_path):
    output = tmp_path / 'out'
    build(run, made, output)
    image = next((made / 'train').glob('*/*'))
    image.write_bytes(pictures.add_comment(image.read_bytes(), b'changed'))
    ended = check(run, made, output)
    assert (ended.status, 'the image differs from the' in ended.err) == (1, True)
    for path in output.iterdir():
        path.unlink()
    build(run, made, output)
    (output / 'train-00001-of-00003').write_bytes(b'')
    ended = check(run, made, output)
    assert (ended.status, 'occurs 0 times (expected 1)' in ended.err) == (1, True)


def test_make_rerun_writes_nothing_and_other_flags_are_refused(run, made):
    before = {path: path.stat().st_mtime_ns for path in made.rglob('*')}
    ended = run('sample', f'--directory={made}', *SMALL)
    assert ended.status == 0
    assert {path: path.stat().st_mtime_ns for path in made.rglob('*')} == before
    for other in ('--train_images=31', '--plain'):
        ended = run('sample', f'--directory={made}', *SMALL, other)
        assert (ended.status, 'made with other flags' in ended.err) == (2, True)


def test_make_directory_of_other_files_is_refused(run, tmp_path):
    (tmp_path / 'photos' / 'train').mkdir(parents=True)
    ended = run('sample', f'--directory={tmp_path}/photos', *SMALL)
    assert (ended.status, 'is not empty and not a sample' in ended.err) == (2, True)


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--directory=/proc/x'], '--directory /proc/x cannot be used: '),
        (['--classes=2000'], '--classes is 2000, expected 1 to 1000'),
        (['--pictures=-1'], '--pictures is -1, expected 0 to'),
        (['--class=3'], 'unknown flag --class; did you mean --classes?'),
        (['--check=/nowhere'], 'holds no sample; make it first'),
    ],
)
def test_sample_bad_flag_is_one_line_with_status_2(
    run, tmp_path, monkeypatch, flags, message
):
    monkeypatch.chdir(tmp_path)
    ended = run('sample', *SMALL, *flags)
    assert ended.status == 2
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1


def test_check_records_of_another_source_are_one_line(run, made, tmp_path, golden):
    output = tmp_path / 'out'
    assert check(run, made, output).status == 2
    output.mkdir()
    (output / 'train-00000-of-00001').symlink_to(golden / 'expected-train.tfrecord')
    ended = check(run, made, output)
    assert (
        ended.status,
        'which the sample does not have at that index' in ended.err,
    ) == (1, True)
    (output / 'train-00000-of-00001').unlink()
    (output / 'train-00000-of-00001').write_bytes(b'damaged')
    ended = check(run, made, output)
    assert (ended.status, len(ended.err.splitlines())) == (1, 1)


def test_make_index_default_sample_has_the_published_form():
    sample = Sample()
    index = make_index(sample)
    assert {key: len(array) for key, array in index.items()} == {
        'tr_filenames': 600,
        'tr_labels': 600,
        'tr_mem': 600,
        'tt_filenames': 100,
        'tt_labels': 100,
    }
    assert len(set(index['tr_labels'])) == 20
    assert 0 <= index['tr_mem'].min() <= index['tr_mem'].max() <= 1
    assert not np.array_equal(np.sort(index['tr_filenames']), index['tr_filenames'])


def test_make_index_same_parameters_give_the_same_names():
    names = make_index(Sample(train_images=3, validation_images=2, classes=2))
    assert names['tr_filenames'].tolist() == [
        b'n02105855_59.JPEG',
        b'n03544143_17228.JPEG',
        b'n02105855_2933.JPEG',
    ]


def test_encode_cmyk_decoder_sees_the_converted_image(tf, pixels):
    data = pictures.encode_cmyk(pixels)
    assert tf.io.decode_jpeg(data, channels=0).shape == (24, 40, 3)
    assert b'Adobe' in data


def test_add_comment_bytes_differ_and_pixels_do_not(tf, jpeg):
    other = pictures.add_comment(jpeg, b'n01440764_1.JPEG')
    assert other != jpeg
    assert (tf.io.decode_jpeg(other) == tf.io.decode_jpeg(jpeg)).numpy().all()
