import pytest

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.storage.beam import BeamStorage
from indexed_imagenet.transforms.storage.gcs import GcsStorage
from indexed_imagenet.transforms.storage.local import LocalStorage
from indexed_imagenet.transforms.storage.s3 import S3Storage


@pytest.mark.parametrize(
    ('path', 'kind'),
    [
        ('/data/out', LocalStorage),
        ('out', LocalStorage),
        ('', LocalStorage),
        ('gs:/bucket/out', LocalStorage),
        ('/data/gs://bucket', LocalStorage),
        ('gs://bucket/out', GcsStorage),
        ('s3://bucket/out', S3Storage),
        ('store://bucket/out', BeamStorage),
        ('hdfs://host/out', BeamStorage),
    ],
)
def test_storage_of_path_is_the_storage_of_its_scheme(path, kind):
    found = storage.storage_of(path)
    assert type(found) is kind
    assert storage.storage_of(path) is found
    assert storage.is_local(path) == found.is_local == (kind is LocalStorage)


@pytest.mark.parametrize(
    ('name', 'arguments', 'position'),
    [
        ('absolute', (), 0),
        ('list_folder', (), 0),
        ('open_seekable', (), 0),
        ('open_stream', (), 0),
        ('create', (), 0),
        ('size', (), 0),
        ('sizes', (), 0),
        ('rename', ('unused',), 1),
        ('delete', (), 0),
        ('delete_folder', (), 0),
        ('make_folder', (), 0),
        ('exists', (), 0),
        ('is_file', (), 0),
        ('remove_empty_folder', (), 0),
        ('fsync_dir', (), 0),
        ('open_folder', (), 0),
    ],
)
def test_function_calls_method_of_the_storage(monkeypatch, name, arguments, position):
    calls = []
    answer = object()

    def method(self, *given):
        calls.append((type(self), given))
        return answer

    monkeypatch.setattr(BeamStorage, name, method)
    given = list(arguments)
    given.insert(position, 'store://bucket/x')
    returned = getattr(storage, name)(*given)
    assert calls == [(BeamStorage, tuple(given))]
    assert returned is (None if returned is None else answer)


def test_read_bytes_default_is_the_whole_file(monkeypatch):
    def read_bytes(self, *given):
        return given

    monkeypatch.setattr(BeamStorage, 'read_bytes', read_bytes)
    assert storage.read_bytes('store://b/x') == ('store://b/x', 0, -1)
    assert storage.read_bytes('store://b/x', 3, length=2) == ('store://b/x', 3, 2)


@pytest.mark.parametrize(
    ('path', 'folder', 'expected'),
    [
        ('/data/out', '/data/out', True),
        ('/data/out/', '/data/out', True),
        ('/data/out', '/data/out/', True),
        ('/data/out/train/x', '/data/out', True),
        ('/data/output', '/data/out', False),
        ('/data', '/data/out', False),
        ('/data', '/', True),
        ('gs://bucket/out/x', 'gs://bucket/out', True),
        ('gs://bucket/output', 'gs://bucket/out', False),
        ('gs://bucket2/out', 'gs://bucket', False),
        ('s3://bucket/out', 'gs://bucket/out', False),
    ],
)
def test_is_within_folder_itself_and_below_are_within(path, folder, expected):
    assert storage.is_within(path, folder) == expected


@pytest.mark.parametrize(
    ('path', 'folder', 'name'),
    [
        ('/data/out/x', '/data/out', 'x'),
        ('x', '', 'x'),
        ('gs://bucket/out/x', 'gs://bucket/out', 'x'),
        ('gs://bucket/x', 'gs://bucket', 'x'),
    ],
)
def test_split_and_parent_name_the_folder(path, folder, name):
    assert storage.split(path) == (folder, name)
    assert storage.parent(path) == folder
    assert storage.join(folder, name) == path


@pytest.mark.parametrize(
    ('folder', 'names', 'path'),
    [
        ('/data', ('a', 'b'), '/data/a/b'),
        ('/data/', ('a',), '/data/a'),
        ('/data', ('',), '/data'),
        ('', ('a',), 'a'),
        ('gs://bucket/', ('a', '', 'b'), 'gs://bucket/a/b'),
        ('gs://bucket/out', (), 'gs://bucket/out'),
    ],
)
def test_join_empty_names_are_left_out(folder, names, path):
    assert storage.join(folder, *names) == path


@pytest.mark.parametrize(
    ('url', 'expected'),
    [
        ('gs://bucket/a/b', ('bucket', 'a/b')),
        ('s3://bucket/', ('bucket', '')),
        ('s3://bucket', ('bucket', '')),
    ],
)
def test_split_url_returns_bucket_and_name(url, expected):
    assert storage.split_url(url) == expected


def test_os_name_invalid_utf8_survives():
    assert storage.os_name(b'a\xff.JPEG').encode('utf-8', 'surrogateescape') == (
        b'a\xff.JPEG'
    )
