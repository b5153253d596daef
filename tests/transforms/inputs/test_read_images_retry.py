import errno
import itertools
import os

import pytest
from apache_beam.io.filesystems import FileSystems

from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.inputs import read_images
from indexed_imagenet.transforms.rows import WHOLE, Row
from indexed_imagenet.transforms.storage.beam import BeamStorage


def row(source):
    return Row(0, 0, 0, WHOLE, source.encode(), b'')


@pytest.fixture
def store(directory, monkeypatch):
    """The same folder, read through ``BeamStorage`` as an object store is."""
    monkeypatch.setattr(storage, 'is_local', lambda path: False)
    monkeypatch.setattr(storage, 'storage_of', lambda path: BeamStorage())
    return directory


def failing(function, error, times):
    """Returns the function, whose first calls (all if times is None) raise an error."""
    calls = itertools.count()

    def call(*args, **kwargs):
        if times is None or next(calls) < times:
            raise error
        return function(*args, **kwargs)

    return call


@pytest.mark.parametrize('call', ['open', 'pread', 'fstat'])
def test_read_images_local_read_fails_twice_yields_image(
    directory, monkeypatch, pauses, call
):
    error = OSError(errno.EIO, 'Input/output error')
    monkeypatch.setattr(os, call, failing(getattr(os, call), error, times=2))
    rows = [row('6'), row('5'), row('7')]
    read = list(read_images.read_images(directory, rows))
    # Files are opened ahead: the failing opens are those of the first two.
    assert pauses == ([0.2, 0.2] if call == 'open' else [0.2, 1])
    assert read == [
        (r, bytes([n]) * 1000 * n) for r, n in zip(rows, (6, 5, 7), strict=True)
    ]


@pytest.mark.parametrize('call', ['open', 'pread'])
def test_read_images_local_read_keeps_failing_yields_error(
    directory, monkeypatch, pauses, call
):
    error = OSError(errno.ESTALE, 'Stale file handle')
    monkeypatch.setattr(os, call, failing(None, error, times=None))
    assert list(read_images.read_images(directory, [row('6')])) == [(row('6'), error)]
    assert pauses == [0.2, 1, 4]


@pytest.mark.parametrize(
    'code',
    [
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
    ],
)
def test_read_images_permanent_error_is_not_retried(directory, monkeypatch, pauses, code):
    error = OSError(code, 'no')
    monkeypatch.setattr(os, 'open', failing(os.open, error, times=1))
    assert list(read_images.read_images(directory, [row('6')])) == [(row('6'), error)]
    assert not pauses


def test_read_images_pipe_or_folder_yields_error_without_retry(directory, pauses):
    os.mkfifo(os.path.join(directory, 'pipe'))
    os.mkdir(os.path.join(directory, 'folder'))
    read = dict(read_images.read_images(directory, [row('pipe'), row('folder')]))
    assert [error.strerror for error in read.values()] == ['not a regular file'] * 2
    assert not pauses


def test_read_images_retried_read_leaves_no_file_open(directory, monkeypatch, pauses):
    before = os.listdir('/proc/self/fd')
    error = OSError(errno.EIO, 'Input/output error')
    with monkeypatch.context() as patched:
        patched.setattr(os, 'pread', failing(None, error, times=None))
        list(read_images.read_images(directory, [row('6'), row('7')]))
    assert os.listdir('/proc/self/fd') == before


def test_read_images_dead_disk_stops_retrying(directory, monkeypatch, pauses):
    error = OSError(errno.EIO, 'Input/output error')
    monkeypatch.setattr(os, 'pread', failing(None, error, times=None))
    rows = [row(str(i)) for i in range(1, 40)]
    assert [e for _, e in read_images.read_images(directory, rows)] == [error] * 39
    assert pauses == [0.2, 1, 4] * 3


def test_read_images_success_resets_retry_limit(directory, monkeypatch, pauses):
    pread = os.pread

    def fail_on_even(fd, length, offset):
        if os.fstat(fd).st_size // 1000 % 2 == 0:
            raise OSError(errno.EIO, 'Input/output error')
        return pread(fd, length, offset)

    monkeypatch.setattr(os, 'pread', fail_on_even)
    rows = [row(str(i)) for i in range(1, 11)]
    images = [image for _, image in read_images.read_images(directory, rows)]
    assert [isinstance(image, OSError) for image in images] == [False, True] * 5
    assert pauses == [0.2, 1, 4] * 5


def test_read_images_object_read_fails_twice_yields_image(store, monkeypatch, pauses):
    open_object = FileSystems.open
    call = failing(open_object, ConnectionError('busy'), times=2)
    monkeypatch.setattr(FileSystems, 'open', call)
    read = list(read_images.read_images(store, [row('6')]))
    assert read == [(row('6'), b'\6' * 6000)]
    assert pauses == [0.2, 1]


@pytest.mark.parametrize(
    ('error', 'reason', 'is_retried'),
    [
        (FileNotFoundError(2, 'No such object'), 'No such object', False),
        (PermissionError(13, 'Forbidden'), 'Forbidden', False),
        (TimeoutError('slow'), 'slow', True),
        (RuntimeError('500 of the\nstore'), '500 of the store', True),
    ],
)
def test_read_images_object_read_keeps_failing_yields_error(
    store, monkeypatch, pauses, error, reason, is_retried
):
    monkeypatch.setattr(FileSystems, 'open', failing(None, error, times=None))
    [(_, found)] = read_images.read_images(store, [row('6')])
    assert isinstance(found, OSError)
    assert error_text(found) == reason
    assert pauses == ([0.2, 1, 4] if is_retried else [])
