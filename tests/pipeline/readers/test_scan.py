"""Data sets without a manifest: found by one scan, kept, and read like ours."""

import shutil
import sys

import numpy as np
import pytest

from indexed_imagenet import DatasetError, IndexedDataset
from indexed_imagenet.readers import scan
from indexed_imagenet.transforms.formats.tfrecord import crc32c, frame
from support.commands import run_elsewhere


@pytest.fixture
def data(foreign, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return shutil.copytree(foreign, tmp_path / 'data')


def kept(folder) -> list[str]:
    return (
        [path.name for path in folder.glob('.*.offsets.npz')] if folder.exists() else []
    )


def test_original_builders_records_are_read_by_index(data, records, names, capsys):
    ds = IndexedDataset(data)
    assert len(ds) == 51
    for index, features in records.items():
        assert ds[index].image == features['image/encoded']
    assert ds.filenames.tolist() == names
    assert (ds.manifest, ds.fingerprint) == (None, None)
    assert ds.classes[ds[0].label].synset == ds[0].synset
    assert 'is taken to have 51 names' in capsys.readouterr().err


def test_scan_is_kept_beside_the_shards_and_not_repeated(data, monkeypatch):
    IndexedDataset(data)
    assert len(kept(data)) == 1
    monkeypatch.setattr(scan, '_scan_all', None)
    assert IndexedDataset(data)[3].index == 3


def test_scan_is_kept_in_the_cache_if_the_folder_refuses(data, monkeypatch, tmp_path):
    whole = scan.atomic_write

    def refuse(path, *args):
        if path.startswith(str(data)):
            raise PermissionError(13, 'Permission denied')
        whole(path, *args)

    monkeypatch.setattr(scan, 'atomic_write', refuse)
    IndexedDataset(data)
    assert kept(data) == []
    assert len(kept(tmp_path / 'cache' / 'indexed-imagenet')) == 1
    monkeypatch.setattr(scan, '_scan_all', None)
    assert IndexedDataset(data)[3].index == 3


def test_changed_file_is_scanned_again(data):
    assert len(IndexedDataset(data)) == 51
    path = data / 'train-00000-of-00001'
    content = path.read_bytes()
    first = int.from_bytes(content[:8], 'little') + 16
    path.write_bytes(content[first:])
    ds = IndexedDataset(data)
    assert len(ds.indices) == 50


def test_index_file_gives_the_length_and_absent_names(data, golden, names):
    path = data / 'train-00000-of-00001'
    content = path.read_bytes()
    path.write_bytes(content[int.from_bytes(content[:8], 'little') + 16 :])
    ds = IndexedDataset(data, imagenet_index=golden / 'imagenet_index.npz')
    assert len(ds) == 51
    assert len(ds.indices) == 50
    assert ds.filenames.tolist() == names


def test_index_file_too_short_raises(data, golden, tmp_path):
    with np.load(golden / 'imagenet_index.npz') as index:
        short = {key: index[key][:5] for key in ('tr_filenames', 'tr_labels')}
    np.savez(tmp_path / 'short.npz', **short)
    with pytest.raises(DatasetError, match='the index file has 5 names'):
        IndexedDataset(data, imagenet_index=tmp_path / 'short.npz')


def test_scan_false_is_refused_with_the_way_out(data):
    with pytest.raises(DatasetError, match='give scan=True'):
        IndexedDataset(data, scan=False)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'x' * 40, "the length's crc32c"),
        (b''.join(frame([b'hello'], crc32c(b'hello'))), 'not a record of an indexed im'),
    ],
)
def test_files_that_hold_something_else_raise(data, content, message):
    (data / 'train-00000-of-00001').write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        IndexedDataset(data)


def test_index_twice_raises(data):
    path = data / 'train-00000-of-00001'
    content = path.read_bytes()
    path.write_bytes(content + content[: int.from_bytes(content[:8], 'little') + 16])
    with pytest.raises(DatasetError, match=r'and in .*expected once'):
        IndexedDataset(data)


def test_script_without_main_guard_gets_one_line_that_says_so(data, tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(
        f'from indexed_imagenet import IndexedDataset\nIndexedDataset({str(data)!r})\n'
    )
    ended = run_elsewhere([sys.executable, script], tmp_path)
    assert ended.status == 1
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith('indexed_imagenet.errors.DatasetError: ')
    assert last.endswith("under if __name__ == '__main__':")
