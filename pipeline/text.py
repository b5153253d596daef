"""Text for people: safe to print, on one line, and no longer than needed.

Both folders build on this module, as on ``errors``, so it imports nothing of ours.
"""

from collections.abc import Sequence

# How many cases an error or a report names; the rest are counted.
MAX_SHOWN_CASES = 5
MAX_SHOWN_INDICES = 3
MAX_SHOWN_FAULTS = 20
MAX_SHOWN_FAULTS_PER_SHARD = 10
MAX_SHOWN_FAULTS_PER_SPLIT = 100


def printable(text: str | bytes) -> str:
    """Returns a stranger's text with its control characters escaped.

    Args:
      text: any text, or a file name as bytes, which need not be UTF-8.
    """
    if not isinstance(text, str):
        text = bytes(text).decode('utf-8', 'backslashreplace')
    if text.isprintable():
        return text
    return ''.join(
        c if c.isprintable() else c.encode('unicode_escape').decode() for c in text
    )


def one_line(text: object) -> str:
    """Returns text with every run of white space as one space, safe to print."""
    return printable(' '.join(str(text).split()))


def error_text(error: BaseException) -> str:
    """Returns what an error says, on one line; its class if it says nothing."""
    text = getattr(error, 'strerror', None) or one_line(error)
    return text or type(error).__name__


def first_of(
    cases: Sequence[object], count: int | None = None, most: int = MAX_SHOWN_CASES
) -> str:
    """Returns the first few cases and how many more there are.

    >>> first_of(['a', 'b', 'c'], most=2)
    'a, b and 1 more'

    Args:
      cases: all of them, or the first few.
      count: how many there are in all, if ``cases`` are not all.
      most: how many to name at most.
    """
    count = len(cases) if count is None else count
    shown = ', '.join(map(str, cases[:most]))
    more = count - min(most, len(cases))
    return f'{shown} and {more:,} more' if more > 0 else shown


def counted(count: int, noun: str) -> str:
    """Returns a number with its noun.

    >>> counted(1, 'image'), counted(1200, 'image')
    ('1 image', '1,200 images')
    """
    return f'{count:,} {noun}' if count == 1 else f'{count:,} {noun}s'
