"""Readers in threads, and in processes however they were started."""

import multiprocessing
import os
import pickle
import resource
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset
from indexed_imagenet.readers import shard_files
from support.commands import ROOT, run_elsewhere


def read_some(ds, start) -> list[tuple[int, int]]:
    return [(ds[i].index, len(ds[i].image)) for i in range(start, start + 20)]


@pytest.fixture
def many_shards(golden, tmp_path):
    """As many shards as examples."""
    from indexed_imagenet.cli.main import main
    from support.commands import build_command

    command = [arg for arg in build_command(golden, tmp_path / 'out') if 'val' not in arg]
    flags = ['--train_shards=51', '--direct_num_workers=1']
    assert main([*map(str, command), *flags]) == 0
    return tmp_path / 'out'


@pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
def test_workers_read_the_same_however_they_start(built, method):
    ds = IndexedDataset(built)
    expected = [read_some(ds, start) for start in (0, 10, 30)]
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        given = pool.starmap(read_some, [(ds, start) for start in (0, 10, 30)])
    assert given == expected


def test_threads_share_one_data_set_and_few_files(many_shards, monkeypatch):
    monkeypatch.setattr(shard_files, 'MAX_OPEN_FILES', 3)
    ds = IndexedDataset(many_shards)
    expected = {i: ds[i].image for i in range(51)}
    order = np.random.RandomState(0).randint(51, size=3000).tolist()
    before = len(os.listdir('/proc/self/fd'))
    with ThreadPoolExecutor(8) as pool:
        for index, example in zip(order, pool.map(ds.__getitem__, order), strict=True):
            assert example.index == index
            assert example.image == expected[index]
    assert len(os.listdir('/proc/self/fd')) <= before + 3


def test_more_shards_than_the_process_may_open(many_shards, monkeypatch):
    monkeypatch.setattr(shard_files, 'MAX_OPEN_FILES', 8)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = len(os.listdir('/proc/self/fd')) + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        ds = IndexedDataset(many_shards)
        assert [example.index for example in ds] == list(range(51))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_fork_while_another_thread_holds_the_lock_does_not_hang(built):
    ds = IndexedDataset(built)
    ds[0]
    with ds._files._open_files[1]._lock:
        context = multiprocessing.get_context('fork')
        child = context.Process(target=read_some, args=(ds, 0))
        child.start()
        child.join(30)
        assert child.exitcode == 0


def test_pickle_is_small_and_opens_again(built):
    ds = IndexedDataset(built, verify=True)
    ds[0], ds.labels, ds.filenames  # what would make it large
    content = pickle.dumps(ds)
    assert len(content) < 1000
    again = pickle.loads(content)
    assert repr(again) == repr(ds)
    assert again[5] == ds[5]
    subset = pickle.loads(pickle.dumps(ds.subset([5, 3])))
    assert [example.index for example in subset] == [5, 3]


def test_opening_and_reading_imports_neither_beam_nor_tensorflow(built):
    code = (
        'import sys; from indexed_imagenet import IndexedDataset\n'
        f'ds = IndexedDataset({str(built)!r})\n'
        'ds[3].decode(); ds.torch()[3]; ds.grain()[3]; ds.classes\n'
        'heavy = ("apache_beam", "tensorflow", "torch", "grain", "rich", "tenacity")\n'
        'print([name for name in heavy if name in sys.modules])\n'
    )
    ended = run_elsewhere([sys.executable, '-c', code], ROOT)
    assert (ended.status, ended.out.strip()) == (0, '[]'), ended.err
