import errno

import pytest
from apache_beam.io.filesystem import BeamIOError

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.storage.beam import as_os_errors, http_status
from support import fake_store


class Answer:
    """An answer as HTTP clients represent it."""

    status_code = 403


class ByCode(Exception):
    """An error of Google's API clients, or of Beam's for S3."""

    def __init__(self, message, code):
        super().__init__(message, code)
        self.message = message
        self.code = code


class ByAnswer(Exception):
    """An error of Google's uploads."""

    response = Answer()


class ByDict(Exception):
    """An error of boto with an answer."""

    response = {'ResponseMetadata': {'HTTPStatusCode': 404}}


class NoAnswer(Exception):
    """An error of boto without an answer: of the connection."""

    response = None


def raised_for(error: Exception) -> OSError:
    with pytest.raises(OSError) as raised, as_os_errors():
        raise error
    assert not isinstance(raised.value, BeamIOError)
    return raised.value


@pytest.mark.parametrize(
    ('error', 'number', 'text'),
    [
        (ByCode('not yours', 403), errno.EACCES, 'not yours'),
        (ByCode('who are you', 401), errno.EACCES, 'who are you'),
        (ByCode('busy', 503), None, 'busy'),
        (ByCode('no answer', None), None, 'no answer'),
        (ByAnswer('refused', 403), errno.EACCES, 'refused 403'),
        (ByDict('no such\nkey'), errno.ENOENT, 'no such key'),
        (NoAnswer('lost'), None, 'lost'),
        (ValueError(), None, 'ValueError'),
        (BeamIOError('all', {'a': ByDict('gone')}), errno.ENOENT, 'gone'),
        (
            BeamIOError('all', {'a': BeamIOError('b', {'c': ByCode('x', 403)})}),
            errno.EACCES,
            'x',
        ),
    ],
)
def test_as_os_errors_errors_of_every_client_become_os_errors(error, number, text):
    error = raised_for(error)
    assert error.errno == number
    assert (error.strerror or str(error)) == text


def test_as_os_errors_os_error_is_unchanged():
    error = ConnectionResetError(errno.ECONNRESET, 'lost')
    assert raised_for(error) is error
    missing = FileNotFoundError(errno.ENOENT, 'gone')
    assert raised_for(BeamIOError('all', {'a': missing})) is missing


def test_http_status_without_answer_is_none():
    assert http_status(ValueError()) is None
    assert http_status(NoAnswer()) is None


@pytest.fixture
def objects(monkeypatch):
    """The objects of a store, by URL."""
    held = {
        'store://bucket/train/n1/a.JPEG': b'aaaa',
        'store://bucket/train/n1/b.JPEG': b'bb',
        'store://bucket/train/flat.JPEG': b'c',
        'store://bucket/train/': b'',
        'store://bucket/training/other.JPEG': b'd',
    }
    monkeypatch.setattr(fake_store.StoreFileSystem, 'objects', held)
    return held


def test_list_folder_object_store_is_listed_folder_by_folder(objects):
    listing = storage.list_folder('store://bucket/train')
    assert (listing.folders, listing.files) == ([b'n1'], [b'flat.JPEG'])
    assert sorted(storage.list_folder('store://bucket/train/n1').files) == [
        b'a.JPEG',
        b'b.JPEG',
    ]


def test_sizes_are_of_objects_directly_below(objects):
    del objects['store://bucket/train/']
    sizes = storage.sizes('store://bucket/train/n1')
    assert sizes == {'a.JPEG': 4, 'b.JPEG': 2}


def test_size_missing_object_is_none(objects):
    assert storage.size('store://bucket/train/flat.JPEG') == 1
    assert storage.size('store://bucket/train/flat') is None


@pytest.mark.parametrize(
    ('offset', 'length', 'expected'),
    [(0, -1, b'0123456789'), (3, 4, b'3456'), (8, 4, b'89'), (0, 0, b'')],
)
def test_read_bytes_offset_and_length_select_a_part(objects, offset, length, expected):
    objects['store://bucket/x'] = b'0123456789'
    assert storage.read_bytes('store://bucket/x', offset, length) == expected


def test_open_stream_missing_object_raises(objects):
    with pytest.raises(FileNotFoundError):
        storage.open_stream('store://bucket/none')
    file, size = storage.open_stream('store://bucket/train/n1/a.JPEG')
    with file:
        assert (size, file.read()) == (4, b'aaaa')


def test_rename_copies_then_deletes_source(objects):
    storage.rename('store://bucket/train/n1/a.JPEG', 'store://bucket/moved')
    assert objects['store://bucket/moved'] == b'aaaa'
    assert 'store://bucket/train/n1/a.JPEG' not in objects


def test_rename_copy_of_other_size_raises_and_keeps_source(objects, monkeypatch):
    def copy(self, sources, targets):
        objects[targets[0]] = b'a'

    monkeypatch.setattr(fake_store.StoreFileSystem, 'copy', copy)
    source = 'store://bucket/train/n1/a.JPEG'
    with pytest.raises(OSError, match=r'has 1 bytes after it was copied.*expected 4\)'):
        storage.rename(source, 'store://bucket/moved')
    assert objects[source] == b'aaaa'


def test_delete_missing_object_is_not_an_error(objects):
    storage.delete('store://bucket/train/flat.JPEG')
    storage.delete('store://bucket/train/flat.JPEG')
    assert 'store://bucket/train/flat.JPEG' not in objects


def test_delete_folder_deletes_only_what_is_below(objects):
    storage.delete_folder('store://bucket/train')
    assert list(objects) == ['store://bucket/training/other.JPEG']
    storage.delete_folder('store://bucket/train')


def test_writer_object_appears_at_close(objects):
    file = storage.create('store://bucket/x')
    file.write_parts([b'one', b'two'])
    file.fsync()
    assert 'store://bucket/x' not in objects
    file.close()
    assert objects['store://bucket/x'] == b'onetwo'


def test_folders_object_store_has_none(objects):
    before = dict(objects)
    storage.make_folder('store://bucket/new')
    storage.remove_empty_folder('store://bucket/new')
    storage.fsync_dir('store://bucket/train')
    assert objects == before
    assert storage.exists('store://bucket/none')
    assert not storage.is_file('store://bucket/train/flat.JPEG')
    assert storage.open_folder('store://bucket/train') is None
