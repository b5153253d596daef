"""Bad builds: each ends with one plain line, the right status, and no half work."""

import os

import numpy as np
import pytest

from indexed_imagenet.labels.load import SYNSETS_FILE
from support.commands import digests


def one_line(ended) -> str:
    """The one error of a command; nothing else may look like one."""
    errors = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1, ended.err
    assert 'Traceback' not in ended.err + ended.out
    return errors[0]


def change_index(tree, **changes):
    path = tree / 'imagenet_index.npz'
    with np.load(path) as index:
        arrays = {**index, **changes}
    arrays = {key: array for key, array in arrays.items() if array is not None}
    np.savez(path, **arrays)


class TestFoundByTheLauncher:
    """Exit status 2: the job is not started and nothing is written."""

    @pytest.fixture
    def refused(self, build, tmp_path):
        def check(*flags) -> str:
            ended = build(*flags)
            assert ended.status == 2, ended
            assert not (tmp_path / 'out').exists()
            return one_line(ended)

        return check

    def test_no_such_directory(self, refused, tmp_path):
        line = refused(f'--train_directory={tmp_path}/none')
        assert f'--train_directory {tmp_path}/none: no such directory' in line

    def test_a_file_for_a_directory(self, refused, tree):
        line = refused(f'--train_directory={tree}/imagenet_index.npz')
        assert 'is a file, expected a directory' in line

    def test_no_class_folders_and_no_images(self, refused, tmp_path):
        (tmp_path / 'empty').mkdir()
        (tmp_path / 'empty' / 'README').touch()
        line = refused(f'--train_directory={tmp_path}/empty')
        assert 'has no class folders (nXXXXXXXX) and no images' in line

    def test_a_folder_that_is_no_class(self, refused, tree):
        line = refused(f'--train_directory={tree}')
        assert (
            "has 2 folder(s) that no line of the labels file names, first 'train'" in line
        )

    def test_no_directory_at_all(self, run, tree, tmp_path):
        ended = run('build', f'--output_directory={tmp_path}/out')
        assert ended.status == 2
        assert '--train_directory and --validation_directory are missing' in one_line(
            ended
        )

    def test_no_index_file(self, run, tree, tmp_path):
        ended = run(
            'build', f'--train_directory={tree}/train', f'--output_directory={tmp_path}/o'
        )
        assert ended.status == 2
        assert '--imagenet_index_file is missing' in one_line(ended)

    def test_an_index_file_that_is_not_there(self, refused, tree):
        line = refused(f'--imagenet_index_file={tree}/none.npz')
        assert f'index file {tree}/none.npz does not exist' in line

    def test_an_index_file_that_is_no_npz(self, refused):
        assert 'is not an npz file' in refused(f'--imagenet_index_file={SYNSETS_FILE}')

    def test_an_index_file_without_the_split(self, refused, tree):
        change_index(tree, tt_labels=None)
        assert "has no 'tt_labels', which the validation split needs" in refused()

    @pytest.mark.parametrize('shards', [0, -3])
    def test_a_shard_count_under_1(self, refused, shards):
        line = refused(f'--train_shards={shards}')
        assert f'--train_shards is {shards}, expected at least 1' in line

    def test_more_shards_than_examples(self, refused):
        line = refused('--train_shards=52')
        assert '--train_shards is 52, but the index names 51 train images' in line

    def test_a_flag_without_a_value(self, refused):
        line = refused('--train_directory=')
        assert '--train_directory is empty, expected a path' in line

    def test_a_url_that_nothing_here_can_read(self, refused):
        line = refused('--train_directory=nowhere://bucket/train')
        assert '--train_directory nowhere://bucket/train: nothing here reads now' in line

    def test_a_path_that_is_no_text(self, refused, tmp_path):
        strange = os.fsdecode(os.fsencode(tmp_path) + b'/\xff')
        os.mkdir(strange)
        line = refused(f'--train_directory={strange}')
        assert '\\xff is not UTF-8' in line

    def test_a_runner_that_nobody_knows(self, build):
        ended = build('--runner=NoRunner')
        assert ended.status == 2
        assert 'the job cannot be started' in one_line(ended)
        assert 'NoRunner' in one_line(ended)

    def test_the_folder_of_one_class(self, refused, tree):
        line = refused(f'--train_directory={tree}/train/n01739381')
        assert 'is the folder of one class' in line
        assert 'give its parent' in line

    def test_an_output_among_the_images(self, refused, tree):
        line = refused(f'--output_directory={tree}/train/out')
        assert f'{tree}/train/out is in --train_directory {tree}/train' in line

    def test_a_directory_that_another_build_writes(self, build, tmp_path):
        from indexed_imagenet.output.open_output import open_output
        from indexed_imagenet.signals import Interrupt

        with open_output(str(tmp_path / 'out'), Interrupt()):
            (tmp_path / 'out' / '.build' / 'note').touch()
            ended = build()
            assert ended.status == 2
            assert 'is being written by another build' in one_line(ended)
            assert (tmp_path / 'out' / '.build' / 'note').exists()
        assert build().status == 0

    def test_a_seed_out_of_range(self, refused):
        assert '--shuffle_seed is -1, expected 0 to' in refused('--shuffle_seed=-1')

    def test_an_output_that_cannot_be_written(self, build, tmp_path):
        (tmp_path / 'out').write_text('a file')
        ended = build()
        assert ended.status == 2
        line = one_line(ended)
        assert f'--output_directory {tmp_path}/out is a file, expected a dir' in line

    def test_an_output_directory_of_somebody_else(self, build):
        ended = build('--output_directory=/proc/indexed-imagenet')
        assert ended.status == 2
        assert 'cannot be written' in one_line(ended)

    def test_shards_that_nothing_tells_the_build_of(self, build, tmp_path):
        (tmp_path / 'out').mkdir()
        (tmp_path / 'out' / 'train-00000-of-00008').touch()
        ended = build()
        assert ended.status == 2
        line = one_line(ended)
        assert 'holds train-00000-of-00008, of which nothing there tells the b' in line
        assert '--overwrite' in line
        assert os.listdir(tmp_path / 'out') == ['train-00000-of-00008']

    def test_labels_that_go_beyond_the_labels_file(self, refused, tree, tmp_path):
        synsets = SYNSETS_FILE.read_text().splitlines()[:990]
        (tmp_path / 'few').write_text('\n'.join(synsets))
        for folder in (tree / 'train').iterdir():
            assert folder.name in synsets
        change_index(tree, tt_labels=np.full(24, 990))
        line = refused(f'--labels_file={tmp_path}/few')
        assert 'label 990, but the labels file has 990 lines' in line

    def test_labels_in_another_order_than_the_index(self, refused, tree, tmp_path):
        synsets = SYNSETS_FILE.read_text().splitlines()[::-1]
        (tmp_path / 'reversed').write_text('\n'.join(synsets))
        line = refused(f'--labels_file={tmp_path}/reversed')
        assert "the index gives 'n02086079_19684.JPEG' label 154, which is n0" in line

    def test_a_flag_that_nobody_knows(self, refused):
        line = refused('--train_shard=3')
        assert 'unknown flag --train_shard; did you mean --train_shards?' in line

    def test_a_command_that_nobody_knows(self, run):
        ended = run('biuld')
        assert ended.status == 2
        assert "'biuld' is not a command (expected one of build, verify, sample)" in (
            one_line(ended)
        )


class TestFoundByTheGraph:
    """Exit status 1: before any image is read, so nothing is written either."""

    @pytest.fixture
    def stopped(self, build, tmp_path):
        def check() -> list[str]:
            ended = build()
            assert ended.status == 1, ended
            assert 'Traceback' not in ended.err + ended.out
            assert not list((tmp_path / 'out').glob('*-of-*'))
            assert not (tmp_path / 'out').exists() or os.listdir(tmp_path / 'out')
            assert not (tmp_path / 'out' / '.build').exists()
            assert '│' not in ended.out  # no table: nothing was built
            return [line for line in ended.err.splitlines() if line.startswith('error')]

        return check

    def test_an_image_that_is_not_in_the_index(self, stopped, tree):
        for name in ('new_1.JPEG', 'new_2.jpg'):
            (tree / 'validation' / 'n01739381' / name).touch()
        [line] = stopped()
        assert f'validation: {tree}/validation has 2 images not in the index: ' in line
        assert 'n01739381/new_1.JPEG, n01739381/new_2.jpg' in line

    def test_an_image_in_another_classs_folder(self, stopped, tree):
        path = next((tree / 'train' / 'n01739381').iterdir())
        path.rename(tree / 'train' / 'n02086079' / path.name)
        [line] = stopped()
        assert "/train has 1 image in another class's folder: " in line
        assert f'n02086079/{path.name} (of class n01739381)' in line

    def test_an_image_that_is_there_twice(self, stopped, tree, tmp_path):
        path = next((tree / 'train' / 'n01739381').iterdir())
        (tree / 'train' / path.name).write_bytes(path.read_bytes())
        [line] = stopped()
        assert f'train: {tree}/train has 1 image more than once: ' in line
        assert f'n01739381/{path.name}' in line
        assert f' {path.name}' in line
        listed = (tmp_path / 'out' / 'rejected-train.csv').read_text()
        assert listed.count('there twice') == 2

    def test_many_faults_are_counted_and_a_few_named(self, stopped, tree):
        for i in range(20):
            (tree / 'train' / 'n01739381' / f'new_{i:02d}.JPEG').touch()
        (tree / 'validation' / 'new.JPEG').touch()
        lines = stopped()
        assert len(lines) == 2
        assert f'train: {tree}/train has 20 images not in the index: ' in lines[0]
        assert 'new_04.JPEG and 15 more' in lines[0]
        assert f'{tree}/validation has 1 image not in the index: ' in lines[1]

    def test_a_folder_that_cannot_be_listed(self, stopped, tree, monkeypatch):
        from indexed_imagenet.transforms import list_images

        whole = list_images.files.list_folder

        def refuse(path):
            if path.endswith('n01739381'):
                raise PermissionError(13, 'Permission denied', path)
            return whole(path)

        monkeypatch.setattr(list_images.files, 'list_folder', refuse)
        lines = stopped()
        assert len(lines) == 2
        assert '/train has 1 folder that cannot be listed: ' in lines[0]
        assert lines[0].endswith('; make every folder readable')
        assert 'n01739381 (Permission denied)' in lines[0]

    def test_a_name_cannot_forge_a_line(self, stopped, tree):
        name = 'x\nerror: all is well\x1b[31m.JPEG'
        (tree / 'train' / 'n01739381' / name).touch()
        [line] = stopped()
        assert 'x\\nerror: all is well\\x1b[31m.JPEG' in line

    def test_class_folders_without_an_image(self, stopped, tree):
        for path in (tree / 'validation').glob('*/*'):
            path.unlink()
        [line] = stopped()
        assert f'{tree}/validation has no images in its class folders' in line


class TestFoundInTheImages:
    """Exit status 1: every bad image is named, and no success is claimed."""

    @pytest.mark.parametrize(
        ('spoil', 'reason'),
        [
            (lambda path: path.write_bytes(b''), 'empty: 0 bytes'),
            (lambda path: os.truncate(path, path.stat().st_size // 2), 'cut off'),
            (lambda path: path.write_text('<html>'), 'neither a JPEG nor a PNG'),
        ],
    )
    def test_a_bad_image(self, build, tree, tmp_path, spoil, reason):
        path = tree / 'train' / 'n01739381' / 'n01739381_1309.JPEG'
        spoil(path)
        ended = build()
        assert ended.status == 1
        lines = [line for line in ended.err.splitlines() if line.startswith('error: ')]
        assert len(lines) == 2
        assert f'{path} (index 19): {reason}' in lines[0]
        assert '1 image rejected' in lines[1]
        assert '1 of 4 shards not written because of them' in lines[1]
        assert not (tmp_path / 'out' / 'train.json').exists()
        assert (tmp_path / 'out' / 'validation.json').exists()
        assert 'Traceback' not in ended.err
        assert len(list((tmp_path / 'out').glob('train-*-of-*'))) == 3
        listed = (tmp_path / 'out' / 'rejected-train.csv').read_text().splitlines()
        assert listed[0] == 'index,path,reason'
        assert listed[1].startswith('19,n01739381/n01739381_1309.JPEG,')

    def test_all_bad_images_are_listed_and_the_first_named(self, build, tree, tmp_path):
        bad = sorted((tree / 'train').glob('*/*'))[:30]
        for path in bad:
            path.write_bytes(b'')
        ended = build()
        assert ended.status == 1
        assert '30 images rejected' in ended.err
        assert ended.err.count('empty: 0 bytes') == 5
        listed = (tmp_path / 'out' / 'rejected-train.csv').read_text().splitlines()
        assert len(listed) == 31

    def test_a_pipe_by_the_name_of_an_image(self, build, tree):
        path = tree / 'train' / 'n01739381' / 'n01739381_1309.JPEG'
        path.unlink()
        os.mkfifo(path)
        ended = build()
        assert ended.status == 1
        assert 'cannot be read: not a regular file; make the file readable' in ended.err

    def test_a_bad_verdict_leaves_an_earlier_build_alone(self, build, tree, tmp_path):
        assert build().status == 0
        before = digests(tmp_path / 'out')
        (tree / 'train' / 'n01739381' / 'new.JPEG').touch()
        assert build().status == 1
        assert digests(tmp_path / 'out') == before


def test_a_worker_that_fails_is_told_in_one_line(build, tmp_path, monkeypatch):
    """A fault of the machine, not of the input: here, a disk that is full."""
    from indexed_imagenet.transforms import write_tfrecord

    def full(*args):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(write_tfrecord.os, 'writev', full)
    ended = build()
    assert ended.status == 1
    assert 'No space left on device' in one_line(ended)
    assert 'make room where --output_directory is' in one_line(ended)
    assert not (tmp_path / 'out').exists()
