"""The columns of a progress bar that fits its terminal, on one line per split."""

from rich.console import Console, RenderableType
from rich.progress import ProgressColumn, Task
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.text import Text

# The widest bar, and the narrowest terminals with the longer form of the rate and with
# any. The other columns and the spaces between them take at most as much as in
# "validation  1,281,167/1,281,167 12,345/s 0:01:23".
_MAX_BAR = 40
_WIDE = 80
_NARROW = 50
_OTHERS = {True: 60, False: _NARROW}


def time_text(seconds: float) -> str:
    """Returns a time in hours, minutes and seconds.

    >>> time_text(90_061.5)
    '25:01:01'
    """
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f'{hour}:{minute:02}:{second:02}'


class _Column(ProgressColumn):
    def __init__(self, console: Console, justify_right: bool = False):
        super().__init__(
            Column(no_wrap=True, justify='right' if justify_right else 'left')
        )
        self._console = console

    @property
    def _is_wide(self) -> bool:
        return self._console.width >= _WIDE


class _Name(_Column):
    def render(self, task: Task) -> RenderableType:
        return Text(task.description)


class _Bar(_Column):
    """A bar as wide as the terminal has room for; none if the total is unknown."""

    def render(self, task: Task) -> RenderableType:
        width = min(_MAX_BAR, self._console.width - _OTHERS[self._is_wide])
        if task.total is None or width < 4:
            return Text('')
        return ProgressBar(task.total, task.completed, width)


class _Count(_Column):
    def render(self, task: Task) -> RenderableType:
        if task.total is None:
            return Text('')
        return Text(f'{task.completed:,.0f}/{task.total:,.0f}')


class _Rate(_Column):
    def render(self, task: Task) -> RenderableType:
        rate = task.fields.get('rate')
        if not rate or self._console.width < _NARROW:
            return Text('')
        unit = task.fields.get('unit', 'records')
        return Text(f'{rate:,.0f}{f" {unit}/s" if self._is_wide else "/s"}')


class _Time(_Column):
    """The time left if that is known; without a total, the time since the start."""

    def render(self, task: Task) -> RenderableType:
        if task.total is None:
            return Text(time_text(task.elapsed or 0))
        rate, left = task.fields.get('rate'), task.total - task.completed
        return Text(time_text(left / rate) if rate and left > 0 else '')


def bar_columns(console: Console) -> tuple[ProgressColumn, ...]:
    """Returns the columns.

    Of a task's fields, ``rate`` is its speed per second, and ``unit`` what is counted.

    Args:
      console: where they are shown.
    """
    return (
        _Name(console),
        _Bar(console),
        _Count(console, justify_right=True),
        _Rate(console, justify_right=True),
        _Time(console, justify_right=True),
    )
