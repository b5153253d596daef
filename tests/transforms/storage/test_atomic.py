import os

import pytest

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.storage.atomic import (
    atomic_open,
    atomic_write,
    is_temporary,
    temporary_path,
)
from support import fake_store


def files_in(folder):
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()
    )


@pytest.fixture
def calls(monkeypatch):
    """The names of the system calls that make a file durable and give it its name."""
    made = []
    for name in ('fsync', 'replace'):
        whole = getattr(os, name)

        def spy(*args, whole=whole, name=name):
            made.append(name)
            return whole(*args)

        monkeypatch.setattr(os, name, spy)
    return made


def test_atomic_write_makes_folders_and_leaves_only_the_file(tmp_path):
    path = str(tmp_path / 'out' / 'x')
    atomic_write(path, b'content', str(tmp_path / 'staging' / 'deep'))
    assert storage.read_bytes(path) == b'content'
    assert files_in(tmp_path) == ['out/x']


def test_atomic_write_bare_name_is_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    atomic_write('a', b'1', '')
    assert [path.name for path in tmp_path.iterdir()] == ['a']


def test_atomic_write_replaces_existing_file(tmp_path):
    path = str(tmp_path / 'x')
    for content in (b'one', memoryview(b'two')):
        atomic_write(path, content, str(tmp_path / 'staging'))
    assert storage.read_bytes(path) == b'two'


def test_atomic_open_file_is_in_staging_until_the_end(tmp_path):
    with atomic_open(str(tmp_path / 'x'), str(tmp_path / 'staging')) as file:
        file.write(b'one')
        [name] = files_in(tmp_path)
        assert name.startswith('staging/x.')
        assert is_temporary(name)
    assert files_in(tmp_path) == ['x']


@pytest.mark.parametrize('error', [ValueError, OSError, KeyboardInterrupt])
def test_atomic_open_exception_keeps_old_file_and_leaves_no_other(tmp_path, error):
    path = tmp_path / 'x'
    path.write_bytes(b'old')
    before = os.listdir('/proc/self/fd')
    with (
        pytest.raises(error),
        atomic_open(str(path), str(tmp_path / 'staging')) as file,
    ):
        file.write(b'new')
        raise error
    assert files_in(tmp_path) == ['x']
    assert path.read_bytes() == b'old'
    assert os.listdir('/proc/self/fd') == before


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_atomic_write_refused_step_raises_and_leaves_no_file(tmp_path, monkeypatch, step):
    def refuse(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(OSError, match='No space left'):
        atomic_write(str(tmp_path / 'x'), b'one', str(tmp_path / 'staging'), durable=True)
    assert files_in(tmp_path) == []


def test_atomic_write_refused_deletion_keeps_the_first_error(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(5, 'Input/output error')

    monkeypatch.setattr(os, 'unlink', refuse)
    with pytest.raises(KeyError), atomic_open(str(tmp_path / 'x'), str(tmp_path / 's')):
        raise KeyError
    assert not (tmp_path / 'x').exists()


def test_atomic_write_durable_fsyncs_before_renaming(tmp_path, calls):
    atomic_write(str(tmp_path / 'x'), b'one', str(tmp_path / 'staging'), durable=True)
    assert calls == ['fsync', 'replace']


def test_atomic_write_not_durable_does_not_fsync(tmp_path, calls):
    atomic_write(str(tmp_path / 'x'), b'one', str(tmp_path / 'staging'))
    assert calls == ['replace']


def test_atomic_write_object_store_leaves_only_the_object(monkeypatch):
    monkeypatch.setattr(fake_store.StoreFileSystem, 'objects', {})
    staging = 'store://bucket/out/.build'
    atomic_write('store://bucket/out/x', b'one', staging, durable=True)
    assert fake_store.StoreFileSystem.objects == {'store://bucket/out/x': b'one'}


def test_temporary_path_two_attempts_differ():
    one, other = (temporary_path('gs://bucket/staging', 'x') for _ in range(2))
    assert one != other
    assert one.startswith('gs://bucket/staging/x.')
    assert is_temporary(one) and is_temporary(other)


@pytest.mark.parametrize(
    'name',
    [
        'x.tmp',
        f'x.{"0" * 31}.tmp',
        f'x.{"0" * 32}',
        f'x.{"G" * 32}.tmp',
        f'{"0" * 32}.tmp',
    ],
)
def test_is_temporary_other_name_is_false(name):
    assert not is_temporary(name)
