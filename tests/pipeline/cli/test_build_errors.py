"""Builds that fail: one plain line each, the right status, no partial files."""

import os

import numpy as np
import pytest

from indexed_imagenet.labels.load import SYNSETS_FILE
from indexed_imagenet.output.open_output import open_output
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.storage import local
from support.commands import digests


def one_line(ended) -> str:
    """Returns the only error line of a command."""
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
    """Exit status 2: no job is started and nothing is written."""

    @pytest.fixture
    def refused(self, build, tmp_path):
        def check(*flags) -> str:
            ended = build(*flags)
            assert ended.status == 2, ended
            assert not (tmp_path / 'out').exists()
            return one_line(ended)

        return check

    def test_build_missing_directory_is_refused(self, refused, tmp_path):
        line = refused(f'--train_directory={tmp_path}/none')
        assert f'--train_directory {tmp_path}/none: no such directory' in line

    def test_build_file_as_directory_is_refused(self, refused, tree):
        line = refused(f'--train_directory={tree}/imagenet_index.npz')
        assert 'imagenet_index.npz is a file, but not a tar or zip (expected a ' in line

    def test_build_directory_without_images_is_refused(self, refused, tmp_path):
        (tmp_path / 'empty').mkdir()
        (tmp_path / 'empty' / 'README').touch()
        line = refused(f'--train_directory={tmp_path}/empty')
        assert 'has no class folders (nXXXXXXXX), images or archives; give the ' in line

    def test_build_folder_that_is_not_a_class_is_refused(self, refused, tree):
        line = refused(f'--train_directory={tree}')
        assert (
            "has 2 folders that the labels file does not list, first 'train'; did you "
            f'mean {tree}/train?'
        ) in line
        (tree / 'train' / 'other').mkdir()
        line = refused()
        assert (
            "has 1 folder that the labels file does not list, first 'other'; give the "
            'directory of the class folders (nXXXXXXXX), and move other folders out of it'
        ) in line

    def test_build_without_directories_is_refused(self, run, tree, tmp_path):
        ended = run('build', f'--output_directory={tmp_path}/out')
        assert ended.status == 2
        assert '--train_directory and --validation_directory are missing' in one_line(
            ended
        )

    def test_build_without_index_file_is_refused(self, run, tree, tmp_path):
        ended = run(
            'build', f'--train_directory={tree}/train', f'--output_directory={tmp_path}/o'
        )
        assert ended.status == 2
        assert '--imagenet_index_file is missing' in one_line(ended)

    def test_build_missing_index_file_is_refused(self, refused, tree):
        line = refused(f'--imagenet_index_file={tree}/none.npz')
        assert f'index file {tree}/none.npz does not exist' in line

    def test_build_index_file_that_is_not_an_npz_is_refused(self, refused):
        assert 'is not an npz file' in refused(f'--imagenet_index_file={SYNSETS_FILE}')

    def test_build_index_file_without_the_split_is_refused(self, refused, tree):
        change_index(tree, tt_labels=None)
        assert "has no 'tt_labels', which the validation split needs" in refused()

    @pytest.mark.parametrize('shards', [0, -3])
    def test_build_shard_count_under_1_is_refused(self, refused, shards):
        line = refused(f'--train_shards={shards}')
        assert f'--train_shards is {shards} (expected at least 1)' in line

    def test_build_more_shards_than_examples_is_refused(self, refused):
        line = refused('--train_shards=52')
        assert '--train_shards is 52, but the index names 51 train images' in line

    def test_build_empty_flag_is_refused(self, refused):
        line = refused('--train_directory=')
        assert '--train_directory is empty (expected a path)' in line

    def test_build_unsupported_url_is_refused(self, refused):
        line = refused('--train_directory=nowhere://bucket/train')
        assert (
            '--train_directory nowhere://bucket/train: nowhere:// is not supported; give '
            'a local path, or a gs:// or s3:// URL'
        ) in line

    def test_build_path_that_is_not_utf_8_is_refused(self, refused, tmp_path):
        strange = os.fsdecode(os.fsencode(tmp_path) + b'/\xff')
        os.mkdir(strange)
        line = refused(f'--train_directory={strange}')
        assert '\\xff is not UTF-8' in line

    def test_build_unknown_runner_is_refused(self, build):
        ended = build('--runner=NoRunner')
        assert ended.status == 2
        assert 'the job cannot be started' in one_line(ended)
        assert 'NoRunner' in one_line(ended)

    def test_build_folder_of_one_class_is_refused(self, refused, tree):
        line = refused(f'--train_directory={tree}/train/n01739381')
        assert 'is the folder of one class' in line
        assert 'give its parent' in line

    def test_build_output_among_the_images_is_refused(self, refused, tree):
        line = refused(f'--output_directory={tree}/train/out')
        assert f'{tree}/train/out is in --train_directory {tree}/train' in line

    def test_build_output_of_a_running_build_is_refused(self, build, tmp_path):
        with open_output(str(tmp_path / 'out'), Interrupt()):
            (tmp_path / 'out' / '.build' / 'note').touch()
            ended = build()
            assert ended.status == 2
            assert 'is being written by another build' in one_line(ended)
            assert (tmp_path / 'out' / '.build' / 'note').exists()
        assert build().status == 0

    def test_build_seed_out_of_range_is_refused(self, refused):
        line = refused('--shuffle_seed=-1')
        assert '--shuffle_seed is -1 (expected 0 to 4294967295)' in line

    def test_build_file_as_output_is_refused(self, build, tmp_path):
        (tmp_path / 'out').write_text('a file')
        ended = build()
        assert ended.status == 2
        line = one_line(ended)
        assert (
            f'--output_directory {tmp_path}/out is a file (expected a directory)' in line
        )

    def test_build_unwritable_output_is_refused(self, build):
        ended = build('--output_directory=/proc/indexed-imagenet')
        assert ended.status == 2
        assert 'cannot be written' in one_line(ended)

    def test_build_output_with_unknown_shard_is_refused(self, build, tmp_path):
        (tmp_path / 'out').mkdir()
        (tmp_path / 'out' / 'train-00000-of-00008').touch()
        ended = build()
        assert ended.status == 2
        line = one_line(ended)
        assert (
            'holds train-00000-of-00008, but no manifest or plan of the build it belongs '
            'to; add --overwrite to delete that build of the split, or choose another '
        ) in line
        assert os.listdir(tmp_path / 'out') == ['train-00000-of-00008']

    def test_build_label_beyond_the_labels_file_is_refused(self, refused, tree, tmp_path):
        synsets = SYNSETS_FILE.read_text().splitlines()[:990]
        (tmp_path / 'few').write_text('\n'.join(synsets))
        for folder in (tree / 'train').iterdir():
            assert folder.name in synsets
        change_index(tree, tt_labels=np.full(24, 990))
        line = refused(f'--labels_file={tmp_path}/few')
        assert 'label 990, but the labels file has 990 lines' in line

    def test_build_labels_file_in_another_order_is_refused(self, refused, tree, tmp_path):
        synsets = SYNSETS_FILE.read_text().splitlines()[::-1]
        (tmp_path / 'reversed').write_text('\n'.join(synsets))
        line = refused(f'--labels_file={tmp_path}/reversed')
        assert "the index gives 'n02086079_19684.JPEG' label 154, which is n0" in line

    def test_build_unknown_flag_suggests_the_nearest(self, refused):
        line = refused('--train_shard=3')
        assert 'unknown flag --train_shard; did you mean --train_shards?' in line

    def test_main_unknown_command_lists_the_known_ones(self, run):
        ended = run('biuld')
        assert ended.status == 2
        known = 'build, index, verify, export, join, top, show, report, sample'
        assert f"'biuld' is not a command (expected one of {known})" in one_line(ended)


class TestFoundByTheGraph:
    """Exit status 1, before any image is read: no shard is written."""

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

    def test_build_image_not_in_the_index_stops_it(self, stopped, tree):
        for name in ('new_1.JPEG', 'new_2.jpg'):
            (tree / 'validation' / 'n01739381' / name).touch()
        [line] = stopped()
        assert f'validation: {tree}/validation has 2 images not in the index: ' in line
        assert 'n01739381/new_1.JPEG, n01739381/new_2.jpg' in line

    def test_build_image_in_another_classs_folder_stops_it(self, stopped, tree):
        path = next((tree / 'train' / 'n01739381').iterdir())
        path.rename(tree / 'train' / 'n02086079' / path.name)
        [line] = stopped()
        assert "/train has 1 image in another class's folder: " in line
        assert f'n02086079/{path.name} (of class n01739381)' in line

    def test_build_duplicate_image_stops_it_and_is_listed(self, stopped, tree, tmp_path):
        path = next((tree / 'train' / 'n01739381').iterdir())
        (tree / 'train' / path.name).write_bytes(path.read_bytes())
        [line] = stopped()
        assert f'train: {tree}/train has 1 image more than once: ' in line
        assert f'n01739381/{path.name}' in line
        assert f' {path.name}' in line
        listed = (tmp_path / 'out' / 'rejected-train.csv').read_text().splitlines()
        assert listed[0] == 'index,path,reason'
        assert len(listed) == 3
        assert all(row.endswith(f'{path.name},duplicate') for row in listed[1:])

    def test_build_many_unknown_images_are_counted_and_five_named(self, stopped, tree):
        for i in range(20):
            (tree / 'train' / 'n01739381' / f'new_{i:02d}.JPEG').touch()
        (tree / 'validation' / 'new.JPEG').touch()
        lines = stopped()
        assert len(lines) == 2
        assert f'train: {tree}/train has 20 images not in the index: ' in lines[0]
        assert 'new_04.JPEG and 15 more' in lines[0]
        assert f'{tree}/validation has 1 image not in the index: ' in lines[1]

    def test_build_unreadable_folder_stops_it(self, stopped, tree, monkeypatch):
        whole = storage.list_folder

        def refuse(path):
            if path.endswith('n01739381'):
                raise PermissionError(13, 'Permission denied', path)
            return whole(path)

        monkeypatch.setattr(storage, 'list_folder', refuse)
        lines = stopped()
        assert len(lines) == 2
        assert lines[0] == (
            f'error: train: {tree}/train has 1 folder that cannot be listed: n01739381 '
            '(Permission denied); make every folder readable'
        )

    def test_build_file_name_with_line_break_is_escaped(self, stopped, tree):
        name = 'x\nerror: all is well\x1b[31m.JPEG'
        (tree / 'train' / 'n01739381' / name).touch()
        [line] = stopped()
        assert 'x\\nerror: all is well\\x1b[31m.JPEG' in line

    def test_build_empty_class_folders_stop_it(self, stopped, tree):
        for path in (tree / 'validation').glob('*/*'):
            path.unlink()
        [line] = stopped()
        assert f'{tree}/validation has no images in its class folders' in line


class TestFoundInTheImages:
    """Exit status 1: every bad image is named, and there is no manifest."""

    @pytest.mark.parametrize(
        ('spoil', 'reason'),
        [
            (lambda path: path.write_bytes(b''), 'empty: 0 bytes'),
            (lambda path: os.truncate(path, path.stat().st_size // 2), 'cut off'),
            (lambda path: path.write_text('<html>'), 'neither a JPEG nor a PNG'),
        ],
    )
    def test_build_bad_image_is_listed_and_its_shard_not_written(
        self, build, tree, tmp_path, spoil, reason
    ):
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

    def test_build_many_bad_images_are_listed_and_five_named(self, build, tree, tmp_path):
        bad = sorted((tree / 'train').glob('*/*'))[:30]
        for path in bad:
            path.write_bytes(b'')
        ended = build()
        assert ended.status == 1
        assert '30 images rejected' in ended.err
        assert ended.err.count('empty: 0 bytes') == 5
        listed = (tmp_path / 'out' / 'rejected-train.csv').read_text().splitlines()
        assert len(listed) == 31

    def test_build_pipe_instead_of_image_is_rejected(self, build, tree):
        path = tree / 'train' / 'n01739381' / 'n01739381_1309.JPEG'
        path.unlink()
        os.mkfifo(path)
        ended = build()
        assert ended.status == 1
        assert (
            f'{path} (index 19): not a regular file; replace the file with a good copy'
        ) in ended.err

    def test_build_blocked_input_keeps_the_earlier_build(self, build, tree, tmp_path):
        assert build().status == 0
        before = digests(tmp_path / 'out')
        (tree / 'train' / 'n01739381' / 'new.JPEG').touch()
        assert build().status == 1
        assert digests(tmp_path / 'out') == before


def test_build_full_disk_is_one_line_with_remedy(build, tmp_path, monkeypatch):
    """A fault of the machine, not of the input: a full disk."""

    def full(*args):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(local.os, 'writev', full)
    ended = build()
    assert ended.status == 1
    line = one_line(ended)
    assert 'No space left on device' in line
    assert 'free space in --output_directory, then run the same command again' in line
    assert not (tmp_path / 'out').exists()
