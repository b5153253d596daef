import io

import pytest
from rich.console import Console

from indexed_imagenet.sample import progress


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=60)


def test_progress_not_a_terminal_plain_lines(console, monkeypatch):
    monkeypatch.setattr(progress, '_LINE_EVERY', 0)
    progress.show_progress(iter('ab'), 2, 'making the sample', 'images', console)
    assert console.file.getvalue().splitlines() == [
        'making the sample: 1 of 2 images',
        'making the sample: 2 of 2 images',
    ]


def test_progress_soon_done_not_a_terminal_no_line(console):
    progress.show_progress(iter('ab'), 2, 'making the sample', 'images', console)
    assert console.file.getvalue() == ''


def test_progress_terminal_one_bar_that_is_removed():
    console = Console(file=io.StringIO(), width=60, force_terminal=True)
    progress.show_progress(iter('ab'), 2, 'making the sample', 'images', console)
    assert 'making the sample' in console.file.getvalue()
    assert 'images\n' not in console.file.getvalue()


def test_progress_failing_step_raises(console):
    steps = (1 // number for number in (1, 0))
    with pytest.raises(ZeroDivisionError):
        progress.show_progress(steps, 2, 'making the sample', 'images', console)
