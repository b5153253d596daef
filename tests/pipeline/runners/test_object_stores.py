"""Builds to and from emulators of Google Cloud Storage and S3."""

import contextlib
import dataclasses
import hashlib
import pathlib
import random
import shutil
from collections.abc import Iterator

import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from indexed_imagenet.transforms import storage
from support import cut_connection, objects, servers
from support.commands import ROOT, Ended, build_command, digests, python_m, run_elsewhere

# As many shards as the index has rows.
SHARDS = '--validation_shards=24'
FOREVER = 10**9


@dataclasses.dataclass(frozen=True, slots=True)
class Store:
    """One store, and the environment in which commands reach it.

    Attributes:
      scheme: of its URLs.
      objects: its bucket, for the tests themselves.
      proxy: between the commands and the store; it can cut connections.
      env: for the commands.
    """

    scheme: str
    objects: objects.Objects
    proxy: cut_connection.CuttingProxy
    env: dict[str, str]

    def url(self, name: str) -> str:
        return f'{self.scheme}://bucket/{name}'

    def digests(self, folder: str) -> dict[str, str]:
        return {
            name.removeprefix(f'{folder}/'): hashlib.sha256(
                self.objects.get(name)
            ).hexdigest()
            for name in self.objects.names(f'{folder}/')
        }

    def run(self, command, *flags) -> Ended:
        argv = python_m(*command, '--no_auth', *flags)
        return run_elsewhere(argv, ROOT, **self.env)


@contextlib.contextmanager
def google() -> Iterator[Store]:
    with (
        servers.gcs_emulator('bucket') as url,
        # The emulator would take a part of a request for the whole.
        cut_connection.cutting_proxy(url, whole_requests=True) as proxy,
    ):
        env = {'STORAGE_EMULATOR_HOST': proxy.url}
        yield Store('gs', objects.google_objects(url, 'bucket'), proxy, env)


@contextlib.contextmanager
def s3() -> Iterator[Store]:
    with (
        servers.s3_server('bucket') as url,
        cut_connection.cutting_proxy(url) as proxy,
    ):
        env = {'AWS_ENDPOINT_URL': proxy.url, **servers.S3_ENVIRONMENT}
        yield Store('s3', objects.s3_objects(url, 'bucket'), proxy, env)


@pytest.fixture(scope='module', params=[google, s3], ids=['gs', 's3'])
def store(request) -> Iterator[Store]:
    with request.param() as store:
        yield store


@pytest.fixture(scope='module')
def tree(golden, tmp_path_factory) -> pathlib.Path:
    """The golden tree without one validation image, so that its shard is empty."""
    tree = tmp_path_factory.mktemp('input') / 'tree'
    shutil.copytree(golden, tree)
    next(tree.glob('validation/*/*')).unlink()
    return tree


@pytest.fixture(scope='module')
def expected(tree, tmp_path_factory) -> dict[str, str]:
    """The digests of a local build of that tree."""
    output = tmp_path_factory.mktemp('local') / 'out'
    ended = run_elsewhere(python_m(*build_command(tree, output), SHARDS), ROOT)
    assert ended.status == 0, ended.err
    assert any(not path.stat().st_size for path in output.iterdir())
    return digests(output)


def build(store, tree, name, *flags) -> Ended:
    return store.run(build_command(tree, store.url(name)), SHARDS, *flags)


def test_output_in_store_same_bytes_as_local_verifies_and_resumes(store, tree, expected):
    ended = build(store, tree, 'out', '--direct_num_workers=2')
    assert ended.status == 0, ended.err
    assert store.digests('out') == expected
    ended = store.run(['verify', store.url('out')])
    assert ended.status == 0, ended.err

    shard = 'out/train-00002-of-00004'
    content = store.objects.get(shard)
    store.objects.put(shard, content[:-20] + bytes(20))
    ended = store.run(['verify', store.url('out')])
    assert ended.status == 1
    assert 'train-00002-of-00004' in ended.err

    store.objects.delete(shard)
    ended = build(store, tree, 'out', '--direct_num_workers=1')
    assert ended.status == 0, ended.err
    assert '4 (3 kept)' in ended.out
    assert store.digests('out') == expected


def test_input_in_store_same_bytes_as_local(store, tree, expected, tmp_path):
    for path in tree.rglob('*'):
        if path.is_file():
            store.objects.put(f'in/{path.relative_to(tree)}', path.read_bytes())
    command = build_command(store.url('in'), tmp_path / 'out')
    ended = store.run(command, SHARDS, '--direct_num_workers=1')
    assert ended.status == 0, ended.err
    assert digests(tmp_path / 'out') == expected


def test_connection_lost_during_upload_build_recovers(store, tree, expected):
    before = store.proxy.num_cut
    store.proxy.cuts_left = 2
    ended = build(store, tree, 'lost', '--direct_num_workers=1')
    assert store.proxy.num_cut - before == 2
    assert ended.status == 0, ended.err
    assert store.digests('lost') == expected


def lose_permanently(store, tree, expected):
    store.proxy.cuts_left = FOREVER
    ended = build(store, tree, 'gone', '--direct_num_workers=1')
    assert ended.status == 1
    [line] = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    assert f'error: the job failed: {store.url("gone")}/' in line
    assert ' cannot be written: ' in line
    assert line.endswith('run the same command again: finished shards are kept')
    assert 'Traceback' not in ended.err
    written = {
        name: digest
        for name, digest in store.digests('gone').items()
        if not name.startswith('.build/')
    }
    # Shards smaller than what it takes to cut a connection may have been written.
    assert written.items() < expected.items()

    store.proxy.cuts_left = 0
    ended = build(store, tree, 'gone', '--direct_num_workers=1')
    assert ended.status == 0, ended.err
    assert store.digests('gone') == expected


@pytest.mark.parametrize('store', [s3], ids=['s3'], indirect=True)
def test_s3_lost_permanently_fails_and_resumes(store, tree, expected):
    lose_permanently(store, tree, expected)


@pytest.mark.long  # Google's client retries for two minutes
@pytest.mark.parametrize('store', [google], ids=['gs'], indirect=True)
def test_gcs_lost_permanently_fails_and_resumes(store, tree, expected):
    lose_permanently(store, tree, expected)


@pytest.fixture
def local_store(store, monkeypatch):
    """The store, set up for this process."""
    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(FileSystems, '_pipeline_options', None)
    FileSystems.set_options(PipelineOptions(['--no_auth']))
    return store


def test_create_object_appears_when_closed(local_store):
    content = random.Random(0).randbytes(20_000_000)
    for name, length in (('several', 20_000_000), ('one', 7), ('whole', 8 << 20)):
        with storage.create(local_store.url(f'made/{name}')) as file:
            for begin in range(0, length, 9_000_000):
                file.write(memoryview(content)[begin : min(begin + 9_000_000, length)])
            assert f'made/{name}' not in local_store.objects.names('made/')
        assert local_store.objects.get(f'made/{name}') == content[:length]


def test_create_aborted_object_does_not_appear(local_store):
    with (
        contextlib.suppress(KeyError),
        storage.create(local_store.url('aborted/error')) as file,
    ):
        file.write(bytes(10_000_000))
        raise KeyError
    file = storage.create(local_store.url('aborted/dropped'))
    file.write(bytes(10_000_000))
    del file
    file = storage.create(local_store.url('aborted/aborted'))
    file.write(b'few')
    file.abort()
    file.close()
    assert local_store.objects.names('aborted/') == []
    assert local_store.objects.unfinished() == 0


def test_read_ranges_sizes_and_one_level_of_a_folder(local_store):
    store = local_store
    for name in ('x', 'n01/a', 'n01/b', 'n02/deeper/c', 'é/d', ''):
        store.objects.put(f'level/{name}', b'0123456789')
    with storage.create(store.url('level/none')):
        pass

    folders, names = storage.list_folder(store.url('level'))
    assert sorted(folders) == [b'n01', b'n02', 'é'.encode()]
    assert sorted(names) == [b'none', b'x']
    assert storage.sizes(store.url('level/n01')) == {'a': 10, 'b': 10}

    assert storage.read_bytes(store.url('level/x')) == b'0123456789'
    assert storage.read_bytes(store.url('level/x'), 3) == b'3456789'
    assert storage.read_bytes(store.url('level/x'), 3, 4) == b'3456'
    assert storage.read_bytes(store.url('level/x'), 0, 99) == b'0123456789'
    assert storage.read_bytes(store.url('level/x'), 3, 0) == b''
    assert storage.read_bytes(store.url('level/x'), 10, 1) == b''
    assert storage.read_bytes(store.url('level/none'), 0, 5) == b''
    assert storage.size(store.url('level/none')) == 0
    assert storage.size(store.url('level/nothing')) is None
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(store.url('level/nothing'))


def test_names_with_pattern_characters_are_names(local_store):
    """Beam takes such names for patterns: deleting ``a?`` took other builds with it."""
    folder = local_store.url('one[1]?*')
    other = local_store.url('one1xy')
    for path in (f'{folder}/a?', f'{folder}/ab', f'{folder}/sub/c', f'{other}/a?'):
        with storage.create(path) as file:
            file.write(path.encode())
    size = len(f'{folder}/ab')
    assert storage.size(f'{folder}/a?') == size
    assert storage.size(f'{folder}/a*') is None
    assert storage.sizes(folder) == {'a?': size, 'ab': size}
    storage.delete(f'{folder}/a?')
    assert storage.sizes(folder) == {'ab': size}
    storage.delete(f'{folder}/a?')  # which does not exist
    storage.delete_folder(folder)
    assert storage.sizes(folder) == {}
    assert storage.size(f'{folder}/sub/c') is None
    assert storage.size(f'{other}/a?') is not None


def test_missing_bucket_is_refused(store, tree):
    ended = store.run(build_command(tree, f'{store.scheme}://no-such-bucket/out'))
    assert ended.status == 2
    [line] = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    bucket = f'{store.scheme}://no-such-bucket'
    assert f'--output_directory {bucket}/out: there is no bucket {bucket}; ' in line
