"""The output directory on disks that cannot do everything."""

import errno
import os

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.output import lock
from indexed_imagenet.output.open_output import open_output
from indexed_imagenet.signals import Interrupt


def refuse(code):
    def call(*args):
        if len(args) == 2 and isinstance(args[1], str):  # a rename
            raise OSError(code, os.strerror(code), args[0], None, args[1])
        raise OSError(code, os.strerror(code))

    return call


@pytest.fixture
def no_locks(monkeypatch):
    """The disk keeps no locks: there is a heartbeat, of milliseconds."""
    monkeypatch.setattr(lock.fcntl, 'flock', refuse(errno.ENOLCK))
    monkeypatch.setattr(lock, '_BEAT_EVERY', 0.05)
    monkeypatch.setattr(lock, '_SETTLE', 0.01)


def opened(path):
    return open_output(str(path), Interrupt())


@pytest.mark.parametrize('code', [errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP])
@pytest.mark.parametrize('existed', [True, False])
def test_open_output_rename_refused_says_so_and_leaves_nothing(
    tmp_path, monkeypatch, code, existed
):
    path = tmp_path / 'out'
    if existed:
        path.mkdir()
    monkeypatch.setattr(os, 'replace', refuse(code))
    with pytest.raises(UserError) as raised, opened(path):
        pass
    assert str(raised.value) == (
        f'--output_directory {path} cannot rename files: {os.strerror(code)}; if it is a '
        'mounted bucket, give its s3:// or gs:// URL; else choose a directory on a disk'
    )
    assert path.exists() == existed
    assert not existed or os.listdir(path) == []


def test_open_output_rename_refused_and_no_locks_says_the_same(
    tmp_path, monkeypatch, no_locks
):
    monkeypatch.setattr(os, 'replace', refuse(errno.ENOSYS))
    with (
        pytest.raises(UserError, match='cannot rename files: .*s3:// or gs:// URL'),
        opened(tmp_path / 'out'),
    ):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize('existed', [True, False])
def test_open_output_without_locks_leaves_no_staging_folder(tmp_path, no_locks, existed):
    path = tmp_path / 'out'
    if existed:
        path.mkdir()
    with opened(path):
        assert os.listdir(path) == ['.build']
        assert os.listdir(path / '.build') == ['lock.json']
    assert path.exists() == existed
    assert not existed or os.listdir(path) == []


def test_open_output_without_locks_keeps_shards_and_entries(tmp_path, no_locks):
    with opened(tmp_path):
        (tmp_path / 'train-00000-of-00001').touch()
        (tmp_path / '.build' / 'train').mkdir()
        (tmp_path / '.build' / 'train' / 'entry').touch()
    assert sorted(os.listdir(tmp_path)) == ['.build', 'train-00000-of-00001']
    assert os.listdir(tmp_path / '.build') == ['train']


def test_open_output_without_locks_second_build_leaves_the_first_alone(
    tmp_path, no_locks
):
    with opened(tmp_path):
        with pytest.raises(UserError, match='another build'), opened(tmp_path):
            pass
        assert os.listdir(tmp_path / '.build') == ['lock.json']
    assert os.listdir(tmp_path) == []


def test_open_output_probe_refused_leaves_nothing(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(os, 'unlink', refuse(errno.EPERM))
        with (
            pytest.raises(UserError, match='cannot be written: Operation not permitted'),
            opened(tmp_path / 'out'),
        ):
            pass
    with opened(tmp_path / 'out'):  # the next build deletes the probe
        assert os.listdir(tmp_path / 'out' / '.build') == []


def test_open_output_error_of_the_build_itself_is_not_blamed_on_the_directory(tmp_path):
    with pytest.raises(OSError, match='of the build'), opened(tmp_path):
        raise OSError('of the build')
