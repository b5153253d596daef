import io
import time

from rich.console import Console

from indexed_imagenet.report import progress
from indexed_imagenet.report.progress import NoteReader, ProgressWatcher
from indexed_imagenet.transforms.formats.layout import atomic_write, shard_info_path
from indexed_imagenet.transforms.input_report import (
    UNKNOWN,
    InputReport,
    save_input_report,
)


def note(directory, shard, records):
    path = shard_info_path(str(directory), shard.partition('-')[0], shard)
    content = b'{"records": %d, "bytes": 1}' % records
    atomic_write(path, content, str(directory))


def test_adds_up_what_is_new_and_knows_the_total_from_the_verdict(tmp_path):
    notes = NoteReader(str(tmp_path))
    notes.look()
    assert (notes.records, notes.totals) == ({}, {})
    save_input_report(InputReport({'validation': 4, 'train': 9}, {}, {}), str(tmp_path))
    note(tmp_path, 'train-00000-of-00002', 5)
    notes.look()
    notes.look()
    assert notes.totals == {'train': 9, 'validation': 4}
    assert notes.records['train'] == 5
    note(tmp_path, 'train-00001-of-00002', 4)
    note(tmp_path, 'validation-00000-of-00001', 4)
    notes.look()
    assert notes.records == {'train': 9, 'validation': 4}


def test_a_shard_that_is_to_be_made_anew_counts_no_more(tmp_path):
    note(tmp_path, 'train-00000-of-00002', 5)
    note(tmp_path, 'train-00001-of-00002', 4)
    save_input_report(InputReport({'train': 9}, {}, {}), str(tmp_path))
    notes = NoteReader(str(tmp_path))
    notes.look()
    assert notes.records == {'train': 9}
    (tmp_path / '.build' / 'train' / 'train-00001-of-00002.json').unlink()
    notes.look()
    assert notes.records == {'train': 5}


def test_a_bad_verdict_promises_no_records(tmp_path):
    save_input_report(InputReport.of('train', UNKNOWN, ['x']), str(tmp_path))
    notes = NoteReader(str(tmp_path))
    notes.look()
    assert notes.totals == {}


def watch(tmp_path, monkeypatch, terminal):
    monkeypatch.setattr(progress, '_LOOK_EVERY', 0.01)
    monkeypatch.setattr(progress, '_LINE_EVERY', 0.02)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=100)
    with ProgressWatcher(str(tmp_path), console):
        save_input_report(InputReport({'train': 9}, {}, {}), str(tmp_path))
        note(tmp_path, 'train-00000-of-00002', 5)
        time.sleep(0.2)
        note(tmp_path, 'train-00001-of-00002', 4)
    return screen.getvalue()


def test_plain_lines_where_there_is_no_terminal(tmp_path, monkeypatch):
    lines = watch(tmp_path, monkeypatch, terminal=False).splitlines()
    assert any(line.startswith('train 5 of 9 records, ') for line in lines)
    assert lines[-1].startswith('train 9 of 9 records, ')
    assert lines[-1].endswith('records/s')
    assert '\x1b' not in ''.join(lines)


def test_a_bar_on_a_terminal(tmp_path, monkeypatch):
    shown = watch(tmp_path, monkeypatch, terminal=True)
    assert '\x1b[' in shown
    assert '9/9' in shown
    assert 'records/s' in shown
