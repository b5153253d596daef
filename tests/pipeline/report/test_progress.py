import io
import time

from rich.console import Console

from indexed_imagenet.report import progress
from indexed_imagenet.report.progress import ProgressWatcher, ShardInfoReader
from indexed_imagenet.transforms.formats.layout import shard_info_path, staging_dir
from indexed_imagenet.transforms.input_report import (
    InputReport,
    IssueKind,
    save_input_report,
)
from indexed_imagenet.transforms.storage.atomic import atomic_write
from indexed_imagenet.transforms.storage.local import LocalStorage


def write_info(directory, shard, records):
    path = shard_info_path(str(directory), shard.partition('-')[0], shard)
    content = b'{"records": %d, "bytes": 1}' % records
    atomic_write(path, content, staging_dir(str(directory)))


def test_reader_finished_shards_are_added_up_once(tmp_path):
    reader = ShardInfoReader(str(tmp_path))
    reader.update()
    assert (reader.records, reader.totals) == ({}, {})
    save_input_report(InputReport({'validation': 4, 'train': 9}, {}, {}), str(tmp_path))
    write_info(tmp_path, 'train-00000-of-00002', 5)
    reader.update()
    reader.update()
    assert reader.totals == {'train': 9, 'validation': 4}
    assert reader.records['train'] == 5
    write_info(tmp_path, 'train-00001-of-00002', 4)
    write_info(tmp_path, 'validation-00000-of-00001', 4)
    reader.update()
    assert reader.records == {'train': 9, 'validation': 4}


def test_reader_deleted_shard_info_no_longer_counts(tmp_path):
    write_info(tmp_path, 'train-00000-of-00002', 5)
    write_info(tmp_path, 'train-00001-of-00002', 4)
    save_input_report(InputReport({'train': 9}, {}, {}), str(tmp_path))
    reader = ShardInfoReader(str(tmp_path))
    reader.update()
    assert reader.records == {'train': 9}
    (tmp_path / '.build' / 'train' / 'train-00001-of-00002.json').unlink()
    reader.update()
    assert reader.records == {'train': 5}


def test_reader_blocking_input_report_gives_no_totals(tmp_path):
    save_input_report(InputReport.of('train', IssueKind.UNKNOWN, ['x']), str(tmp_path))
    reader = ShardInfoReader(str(tmp_path))
    reader.update()
    assert reader.totals == {}


def watch(tmp_path, monkeypatch, terminal):
    monkeypatch.setattr(LocalStorage, 'poll_seconds', 0.01)
    monkeypatch.setattr(progress, '_LINE_EVERY', 0.02)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=100)
    with ProgressWatcher(str(tmp_path), console):
        save_input_report(InputReport({'train': 9}, {}, {}), str(tmp_path))
        write_info(tmp_path, 'train-00000-of-00002', 5)
        time.sleep(0.2)
        write_info(tmp_path, 'train-00001-of-00002', 4)
    return screen.getvalue()


def test_watcher_without_terminal_prints_plain_lines(tmp_path, monkeypatch):
    lines = watch(tmp_path, monkeypatch, terminal=False).splitlines()
    assert any(line.startswith('train 5 of 9 records') for line in lines)
    assert lines[-1].startswith('train 9 of 9 records, ')
    assert lines[-1].endswith('records/s')
    assert '\x1b' not in ''.join(lines)


def test_watcher_on_terminal_shows_a_bar(tmp_path, monkeypatch):
    shown = watch(tmp_path, monkeypatch, terminal=True)
    assert '\x1b[' in shown
    assert '9/9' in shown
    assert 'records/s' in shown
