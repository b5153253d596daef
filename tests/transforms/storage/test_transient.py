"""Local calls that fail once, for a reason that passes."""

import errno
import itertools
import os
import sys

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_split_index,
)
from indexed_imagenet.transforms.input_report import IssueKind
from indexed_imagenet.transforms.inputs.folders import list_images
from indexed_imagenet.transforms.storage import local, transient

PASSING = [errno.ESTALE, errno.EIO, errno.ETIMEDOUT]


@pytest.fixture
def pauses(monkeypatch):
    """Pauses are noted instead of waited for."""
    noted = []
    monkeypatch.setattr(transient.time, 'sleep', noted.append)
    return noted


def failing(function, code, times):
    calls = itertools.count()

    def call(*args, **kwargs):
        if next(calls) < times:
            raise OSError(code, os.strerror(code))
        return function(*args, **kwargs)

    return call


READS = {
    'list_folder': ('scandir', lambda path: storage.list_folder(str(path.parent))),
    'sizes': ('scandir', lambda path: storage.sizes(str(path.parent))),
    'size': ('stat', lambda path: storage.size(str(path))),
    'read_bytes': ('open', lambda path: storage.read_bytes(str(path))),
    'open_seekable': ('open', lambda path: storage.open_seekable(str(path)).close()),
    'open_stream': ('open', lambda path: storage.open_stream(str(path))[0].close()),
}


def break_call(monkeypatch, name, code, times):
    if name == 'open':
        monkeypatch.setattr(local, 'open', failing(open, code, times), raising=False)
    else:
        monkeypatch.setattr(os, name, failing(getattr(os, name), code, times))


@pytest.mark.parametrize('code', PASSING)
@pytest.mark.parametrize('name', READS)
def test_local_read_failing_twice_for_a_passing_reason_works(
    tmp_path, monkeypatch, pauses, name, code
):
    path = tmp_path / 'file'
    path.write_bytes(b'content')
    call, read = READS[name]
    expected = read(path)
    break_call(monkeypatch, call, code, times=2)
    assert read(path) == expected
    assert pauses == [0.2, 1]


@pytest.mark.parametrize('name', READS)
def test_local_read_that_keeps_failing_gives_its_error(
    tmp_path, monkeypatch, pauses, name
):
    path = tmp_path / 'file'
    path.write_bytes(b'content')
    call, read = READS[name]
    break_call(monkeypatch, call, errno.ESTALE, times=99)
    with pytest.raises(OSError, match='Stale'):
        read(path)
    assert pauses == [0.2, 1, 4]


@pytest.mark.parametrize('code', [errno.ENOENT, errno.EACCES, errno.ENOTDIR])
def test_local_read_error_that_stays_is_not_retried(tmp_path, monkeypatch, pauses, code):
    break_call(monkeypatch, 'scandir', code, times=1)
    with pytest.raises(OSError):
        storage.list_folder(str(tmp_path))
    assert pauses == []


def test_list_images_folder_failing_once_is_listed(tmp_path, monkeypatch, pauses):
    (tmp_path / 'n01440764').mkdir()
    (tmp_path / 'n01440764' / 'a.JPEG').touch()
    break_call(monkeypatch, 'scandir', errno.ESTALE, times=1)
    [refs] = list_images(str(tmp_path), b'n01440764', 'train')
    assert refs.names == [b'a.JPEG']


def test_list_images_folder_that_keeps_failing_is_reported(tmp_path, monkeypatch, pauses):
    break_call(monkeypatch, 'scandir', errno.ESTALE, times=99)
    report, refs = list_images(str(tmp_path), b'', 'train')
    assert report.counts == {('train', IssueKind.UNREADABLE): 1}
    assert refs.names == []


class FailsOnce:
    """A file of which one read fails."""

    def __init__(self, file, reads):
        self._file = file
        self._reads = reads

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._file.close()

    def read(self, *args):
        if next(self._reads) == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._file.read(*args)


def test_read_split_index_read_failing_in_the_middle_is_retried(
    golden, monkeypatch, pauses
):
    path = str(golden / 'imagenet_index.npz')
    expected = read_split_index(path, 'train').names.tolist()
    reads = itertools.count()

    def open_failing(*args):
        return FailsOnce(open(*args), reads)

    monkeypatch.setattr(local, 'open', open_failing, raising=False)
    assert read_split_index(path, 'train').names.tolist() == expected
    assert pauses == [0.2]


def test_read_split_index_that_keeps_failing_names_the_file(golden, monkeypatch, pauses):
    break_call(monkeypatch, 'open', errno.EIO, times=99)
    path = str(golden / 'imagenet_index.npz')
    with pytest.raises(IndexFileError, match=f'{path} cannot be read: Input/output'):
        read_split_index(path, 'train')


def test_load_labels_open_failing_once_is_retried(monkeypatch, pauses):
    break_call(monkeypatch, 'open', errno.ESTALE, times=1)
    assert len(load_labels(str(SYNSETS_FILE), str(METADATA_FILE))) == 1000
    break_call(monkeypatch, 'open', errno.ESTALE, times=99)
    with pytest.raises(UserError, match='--labels_file .* cannot be read: Stale'):
        load_labels(str(SYNSETS_FILE), str(METADATA_FILE))


@pytest.mark.parametrize('call', ['fsync', 'writev', 'close'])
def test_writer_error_names_the_path(tmp_path, monkeypatch, call):
    path = str(tmp_path / 'file')
    writer = storage.create(path)
    error = failing(None, errno.EIO, times=1)
    with monkeypatch.context() as patched:
        patched.setattr(os, call, error)
        with pytest.raises(OSError, match='Input/output error') as raised:
            writer.write(b'x')
            writer.fsync()
            writer.close()
    assert raised.value.filename == path
    assert path in str(raised.value)


def test_fsync_dir_error_names_the_path(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'fsync', failing(None, errno.EIO, times=1))
    with pytest.raises(OSError, match='Input/output error') as raised:
        storage.fsync_dir(str(tmp_path))
    assert raised.value.filename == str(tmp_path)


@pytest.mark.parametrize('code', [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_fsync_dir_where_folders_cannot_be_synced_is_no_error(
    tmp_path, monkeypatch, code
):
    monkeypatch.setattr(os, 'fsync', failing(None, code, times=1))
    storage.fsync_dir(str(tmp_path))


def test_transient_loads_neither_beam_nor_tenacity():
    from support.commands import run_elsewhere

    code = (
        'import sys; from indexed_imagenet.transforms.storage import transient, local; '
        'print({"apache_beam", "tenacity"} & set(sys.modules))'
    )
    assert run_elsewhere([sys.executable, '-c', code], None).out == 'set()\n'
