"""What progress looks like on terminals of several widths."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from indexed_imagenet.report.bars import bar_columns, time_text
from indexed_imagenet.report.progress import SplitRates


def shown(width, *tasks) -> list[str]:
    """The lines of a terminal: one per task, (name, done, total, rate)."""
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    bars = Progress(*bar_columns(console), console=console)
    for name, done, total, rate in tasks:
        bars.add_task(name, completed=done, total=total, rate=rate)
    console.print(bars.get_renderable())
    return [line.rstrip() for line in screen.getvalue().splitlines()]


FULL = ('train', 1_281_000, 1_281_167, 12_345.6)
SECOND = ('validation', 0, 50_000, 0)


@pytest.mark.parametrize('width', [40, 50, 60, 79, 80, 100, 200])
def test_bars_of_the_full_set_take_one_line_per_split(width):
    lines = shown(width, FULL, SECOND)
    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)
    assert '1,281,000/1,281,167' in lines[0]
    assert '0/50,000' in lines[1]
    assert '…' not in ''.join(lines)


def test_bars_at_60_and_100_columns_look_like_this():
    assert shown(60, FULL, SECOND) == [
        'train      ━━━━━━━━━╸ 1,281,000/1,281,167 12,346/s 0:00:00',
        'validation                       0/50,000',
    ]
    full, second = shown(100, FULL, SECOND)
    assert full.startswith('train      ' + 39 * '━')
    assert full.endswith(' 1,281,000/1,281,167 12,346 records/s 0:00:00')
    assert second.split() == ['validation', '0/50,000']  # without colours, no bar


def test_bars_total_unknown_shows_no_empty_bar():
    [line] = shown(60, ('listing images', 0, None, 0))
    assert line.split() == ['listing', 'images', '0:00:00']


def test_time_text_counts_hours_beyond_a_day():
    assert [time_text(s) for s in (0, 59.9, 3600, 90_061)] == [
        '0:00:00',
        '0:00:59',
        '1:00:00',
        '25:01:01',
    ]


def rates_of(*updates) -> SplitRates:
    rates = SplitRates()
    for now, train, validation in updates:
        rates.update({'train': train, 'validation': validation}, now)
    return rates


def test_rates_of_splits_one_after_the_other_are_of_their_own_time():
    rates = rates_of((0, 0, 0), (10, 500, 0), (20, 1000, 0), (22, 1000, 50))
    assert (rates.of('train'), rates.of('validation')) == (50, 25)
    assert rates.current() == 25


def test_rates_leave_out_what_was_kept():
    rates = rates_of((0, 900, 40), (10, 1000, 40), (12, 1000, 50))
    assert (rates.of('train'), rates.of('validation')) == (10, 5)


def test_rates_of_splits_at_the_same_time_are_each_its_own():
    rates = rates_of((0, 0, 0), (10, 100, 50), (20, 200, 100))
    assert (rates.of('train'), rates.of('validation')) == (10, 5)


def test_rates_without_progress_are_unknown():
    rates = rates_of((0, 7, 0), (10, 7, 0))
    assert (rates.of('train'), rates.current(), rates.of('test')) == (0, 0, 0)
    assert SplitRates().current() == 0


def test_rates_while_waiting_stay_those_of_the_last_progress():
    assert rates_of((0, 0, 0), (10, 100, 0), (90, 100, 0)).of('train') == 10
