"""Wording that all runners share in their messages."""

from indexed_imagenet.text import printable

# How to resume a build, after what is wrong with it.
RESUME = 'Finished shards are kept: run the same command again'


def last_line(text: str) -> str:
    """Returns the last line that is not blank, safe to print; '' if there is none.

    Runners pass on a worker's whole stack trace as text, and its last line is the error.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return printable(lines[-1]) if lines else ''
