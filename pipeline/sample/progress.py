"""Shows the progress of making a sample: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterable

from rich.console import Console
from rich.progress import track

from indexed_imagenet.console import print_line

# Seconds between two plain lines.
_LINE_EVERY = 5.0


def show_progress(
    steps: Iterable[object], total: int, description: str, unit: str, console: Console
) -> None:
    """Runs all steps and shows how many are done.

    Args:
      steps: an iterator whose elements are yielded as steps are done.
      total: their number.
      description: what is done, for example 'making the sample'.
      unit: what the steps are, for example 'images'.
      console: where to show it.
    """
    if console.is_terminal:
        for _ in track(steps, description, total, console=console, transient=True):
            pass
        return
    shown_at = time.monotonic()
    for done, _ in enumerate(steps, 1):
        now = time.monotonic()
        if now - shown_at >= _LINE_EVERY:
            shown_at = now
            print_line(console, f'{description}: {done:,} of {total:,} {unit}')
