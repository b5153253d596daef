"""index: an index file for people's own images, and builds from it."""

import os

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset


@pytest.fixture
def data(tmp_path, jpeg):
    """Makes images below ``tmp_path``, each of other bytes."""

    def make(*paths):
        for number, path in enumerate(paths):
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(jpeg + bytes([number]))
        return tmp_path

    return make


@pytest.fixture
def index(run, tmp_path):
    """Runs ``index`` on ``tmp_path / 'train'``."""

    def run_index(*more):
        return run(
            'index',
            f'--train_directory={tmp_path}/train',
            f'--output={tmp_path}/my.npz',
            *more,
        )

    return run_index


def read(path) -> dict:
    with np.load(path, allow_pickle=False) as arrays:
        return {key: arrays[key].tolist() for key in arrays}


def test_index_built_verified_and_read(index, run, data, tmp_path, jpeg):
    data(
        'train/fox é/1.jpg',
        'train/cat/1.jpg',
        'train/cat/2.jpg',
        'validation/cat/9.png',
        'validation/fox é/8.jpg',
    )
    assert index(f'--validation_directory={tmp_path}/validation').status == 0
    out = tmp_path / 'out'
    built = run(
        'build',
        f'--train_directory={tmp_path}/train',
        f'--validation_directory={tmp_path}/validation',
        f'--imagenet_index_file={tmp_path}/my.npz',
        f'--output_directory={out}',
        '--direct_num_workers=1',
    )
    assert built.status == 0, built.err
    assert (out / 'train-00000-of-00001').exists()
    for flags in ([], [f'--imagenet_index_file={tmp_path}/my.npz']):
        verified = run('verify', out, '--direct_num_workers=1', *flags)
        assert verified.status == 0, verified.err
    train = IndexedDataset(out, 'train')
    assert [train[i].filename for i in range(3)] == [
        'cat/1.jpg',
        'cat/2.jpg',
        'fox é/1.jpg',
    ]
    assert train[2].image == jpeg + b'\0'
    assert train.labels.tolist() == [0, 0, 1]
    assert train.synsets.tolist() == ['cat', 'cat', 'fox é']
    assert (train[2].text, train[2].class_label) == ('fox é', 2)
    validation = IndexedDataset(out, 'validation')
    assert validation.filenames.tolist() == ['cat/9.png', 'fox é/8.jpg']


def test_build_image_in_folder_of_another_class_is_unknown(index, run, data, tmp_path):
    data('train/cat/1.jpg', 'train/dog/1.jpg')
    index()
    (tmp_path / 'train/dog/1.jpg').rename(tmp_path / 'train/cat/2.jpg')
    built = run(
        'build',
        f'--train_directory={tmp_path}/train',
        f'--imagenet_index_file={tmp_path}/my.npz',
        f'--output_directory={tmp_path}/out',
        '--direct_num_workers=1',
    )
    assert built.status == 1
    assert 'cat/2.jpg' in built.err


def test_index_content(index, data):
    root = data('train/n02119022/b.JPEG', 'train/cat/a.jpg')
    ended = index()
    assert ended.out == (
        f'wrote {root}/my.npz: 2 train images, 2 classes, order sorted\n'
    )
    assert read(root / 'my.npz') == {
        'tr_filenames': [b'a.jpg', b'b.JPEG'],
        'tr_labels': [0, 1],
        'class_names': [b'cat', b'n02119022'],
        'class_texts': [b'cat', b'red fox, Vulpes vulpes'],
        'name_form': [b'basenames'],
        'order': [b'sorted'],
    }


def test_index_same_images_give_the_same_bytes(index, data):
    root = data('train/a/1.jpg', 'train/b/2.jpg')
    index('--order=shuffled', '--seed=5')
    first = (root / 'my.npz').read_bytes()
    assert index('--order=shuffled', '--seed=5').out.startswith('unchanged: ')
    (root / 'my.npz').unlink()
    index('--order=shuffled', '--seed=5')
    assert (root / 'my.npz').read_bytes() == first
    assert read(root / 'my.npz')['order'] == [b'shuffled, seed 5']


def test_index_different_index_is_kept_unless_overwritten(index, data):
    root = data('train/a/1.jpg', 'train/a/2.jpg')
    index()
    first = (root / 'my.npz').read_bytes()
    data('train/a/3.jpg')
    ended = index()
    assert ended.status == 2
    assert 'exists and is a different index' in ended.err
    assert (root / 'my.npz').read_bytes() == first
    assert index('--overwrite').status == 0
    assert read(root / 'my.npz')['tr_filenames'] == [b'1.jpg', b'2.jpg', b'3.jpg']


def test_index_numeric_classes_are_in_number_order_with_a_line(index, data):
    root = data('train/10/a.jpg', 'train/2/b.jpg')
    ended = index()
    assert 'labels follow their value (2, 10); torchvision sorts them as text' in (
        ended.err.replace('\n', ' ')
    )
    assert read(root / 'my.npz')['class_names'] == [b'2', b'10']


def test_index_other_files_are_counted_and_named(index, data):
    data('train/a/1.jpg')
    root = data('train/a/notes.txt', 'train/list.csv', 'train/.hidden', 'train/a/b/x.jpg')
    ended = index()
    assert ended.status == 0
    assert 'ignored 3 paths' in ended.err
    for name in ('a/b/', 'a/notes.txt', 'list.csv'):
        assert name in ended.err
    assert read(root / 'my.npz')['tr_filenames'] == [b'1.jpg']


class TestBadInput:
    @pytest.fixture
    def refused(self, index, tmp_path):
        def check(*flags, status=1) -> str:
            ended = index(*flags)
            errors = [line for line in ended.err.splitlines() if 'error: ' in line]
            assert (ended.status, len(errors)) == (status, 1), ended
            assert 'Traceback' not in ended.err
            assert not (tmp_path / 'my.npz').exists()
            return errors[0]

        return check

    def test_index_empty_directory(self, refused, tmp_path):
        (tmp_path / 'train').mkdir()
        assert 'has no class folders' in refused()

    def test_index_missing_directory(self, refused):
        assert '/train: no such directory' in refused()

    def test_index_file_as_directory(self, refused, tmp_path):
        (tmp_path / 'train').touch()
        assert 'is a file (expected a directory)' in refused()

    def test_index_folders_without_images(self, refused, data):
        data('train/a/x.txt')
        assert '1 class folder but no images (.jpeg, .jpg or .png) in them, only ' in (
            refused()
        )

    def test_index_one_empty_folder(self, refused, data, tmp_path):
        data('train/a/1.jpg')
        (tmp_path / 'train/b').mkdir()
        assert '1 class folder without images, b; remove them or add' in refused()

    def test_index_flat_images(self, refused, data):
        data('train/1.jpg', 'train/a/2.jpg')
        assert '1 image outside class folders, 1.jpg' in refused()

    @pytest.mark.parametrize(
        ('name', 'what'), [(b'\xff.jpg', 'not UTF-8'), (b'a\n.jpg', 'unprintable')]
    )
    def test_index_strange_file_name(self, refused, data, tmp_path, name, what):
        data('train/a/1.jpg')
        with open(os.path.join(os.fsencode(tmp_path), b'train/a', name), 'wb'):
            pass
        assert what in refused()

    def test_index_class_name_not_utf_8(self, refused, data, tmp_path):
        data('train/a/1.jpg')
        os.mkdir(os.path.join(os.fsencode(tmp_path), b'train/\xff'))
        line = refused()
        assert r'train/\xff: the name of the class folder is not UTF-8; rename' in line

    def test_index_link_that_leads_to_itself_is_not_followed(self, index, data, tmp_path):
        data('train/a/1.jpg')
        (tmp_path / 'train/a/up').symlink_to(tmp_path / 'train')
        (tmp_path / 'train/loop').symlink_to(tmp_path / 'train/loop')
        ended = index()
        assert ended.status == 0
        assert 'ignored 2 paths' in ended.err

    def test_index_class_only_in_validation(self, refused, data, tmp_path):
        data('train/a/1.jpg', 'val/b/1.jpg')
        line = refused(f'--validation_directory={tmp_path}/val')
        assert 'has 1 class that --train_directory lacks, b;' in line

    @pytest.mark.parametrize(
        ('flag', 'message'),
        [
            ('--seed=1', '--seed needs --order=shuffled (--order is sorted)'),
            ('--output=x.txt', "--output is 'x.txt' (expected a name ending in .npz)"),
            ('--train_directory=', '--train_directory is empty'),
            ('--order=random', '--order: invalid choice'),
        ],
    )
    def test_index_wrong_flag(self, refused, data, flag, message):
        data('train/a/1.jpg')
        assert message in refused(flag, status=2)
