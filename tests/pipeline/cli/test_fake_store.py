"""Builds into an object store: the same bytes, resumed, refused, and failing."""

import hashlib

import pytest

from indexed_imagenet.output import lock
from indexed_imagenet.transforms.storage.beam import BeamStorage
from support import fake_store
from support.commands import build_command, digests

OUTPUT = 'store://bucket/out'


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fake_store.StoreFileSystem, 'objects', {})
    monkeypatch.setattr(lock, '_SETTLE', 0.01)
    monkeypatch.setattr(BeamStorage, 'poll_seconds', 0.1)


@pytest.fixture
def build_there(run, tree):
    def build(*more):
        return run(*build_command(tree, OUTPUT), '--direct_num_workers=1', *more)

    return build


def objects() -> dict[str, str]:
    return {
        path.removeprefix(f'{OUTPUT}/'): hashlib.sha256(content).hexdigest()
        for path, content in fake_store.StoreFileSystem.objects.items()
    }


def test_build_store_has_the_bytes_of_a_local_build(build, build_there, tmp_path):
    assert build_there().status == 0
    assert build().status == 0
    assert objects() == digests(tmp_path / 'out')


def test_build_store_missing_shard_is_rebuilt_alone(build_there, monkeypatch):
    assert build_there().status == 0
    before = objects()
    del fake_store.StoreFileSystem.objects[f'{OUTPUT}/train-00001-of-00004']
    ended = build_there()
    assert ended.status == 0
    assert '4 (3 kept)' in ended.out
    assert objects() == before


def test_build_store_other_seed_is_refused_without_overwrite(build_there):
    assert build_there().status == 0
    before = objects()
    ended = build_there('--shuffle_seed=1')
    assert ended.status == 2
    assert f'{OUTPUT} holds another build of train; it differs in --sh' in ended.err
    assert objects() == before
    assert build_there('--shuffle_seed=1', '--overwrite').status == 0
    assert build_there('--overwrite').status == 0
    assert objects() == before


def test_build_store_truncated_copy_fails_and_resumes(build_there, monkeypatch):
    whole = fake_store.StoreFileSystem.copy

    def cut(self, sources, targets):
        whole(self, sources, targets)
        for target in targets:
            if 'train-00002' in target and not target.endswith('.json'):
                self.objects[target] = self.objects[target][:-1]

    with monkeypatch.context() as patched:
        patched.setattr(fake_store.StoreFileSystem, 'copy', cut)
        ended = build_there()
    assert ended.status == 1
    assert 'train-00002-of-00004 has ' in ended.err
    assert 'after it was copied from' in ended.err
    ended = build_there()
    assert ended.status == 0, ended.err
    assert not fake_store.names(f'{OUTPUT}/.build')


def test_build_store_refused_upload_is_one_line_and_resumes(build_there, monkeypatch):
    class Forbidden(Exception):
        """An error as clients of object stores raise it: not an OSError."""

    def refuse(self):
        if not self.closed and 'train-00001' in self._path:
            self._objects.pop(self._path, None)
            raise Forbidden('403: not allowed')
        whole(self)

    whole = fake_store._Upload.close
    with monkeypatch.context() as patched:
        patched.setattr(fake_store._Upload, 'close', refuse)
        ended = build_there()
    assert ended.status == 1
    [line] = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    assert '403: not allowed' in line
    assert 'train-00001-of-00004' not in fake_store.names(f'{OUTPUT}/')
    assert build_there().status == 0
