"""Text for people: safe to print, on one line, and no longer than needed.

The whole package uses this module, so it imports nothing of the package.
"""

from collections.abc import Sequence

# The most cases that an error or a report names; it counts the others.
MAX_SHOWN_CASES = 5
MAX_SHOWN_INDICES = 3
MAX_SHOWN_FAULTS = 20
MAX_SHOWN_FAULTS_PER_SHARD = 10
MAX_SHOWN_FAULTS_PER_SPLIT = 100


def printable(text: str | bytes) -> str:
    r"""Returns text from outside with unprintable characters escaped.

    >>> print(printable(b'new\nline \xff.JPEG'))
    new\nline \xff.JPEG

    Args:
      text: any text, or a file name as bytes, which may be invalid UTF-8.
    """
    if not isinstance(text, str):
        text = bytes(text).decode('utf-8', 'backslashreplace')
    if text.isprintable():
        return text
    return ''.join(
        c if c.isprintable() else c.encode('unicode_escape').decode() for c in text
    )


def one_line(text: object) -> str:
    r"""Returns text on one line: printable, each run of white space as one space.

    >>> one_line('two\n  lines')
    'two lines'
    """
    return printable(' '.join(str(text).split()))


def error_text(error: BaseException) -> str:
    """Returns the message of an error on one line; its class if the message is empty.

    The message of an ``OSError`` is that of its ``errno``, without the file name.

    >>> error_text(FileNotFoundError(2, 'No such file or directory', 'a'))
    'No such file or directory'
    >>> error_text(TimeoutError())
    'TimeoutError'
    """
    text = getattr(error, 'strerror', None) or one_line(error)
    return text or type(error).__name__


def first_of(
    cases: Sequence[object], count: int | None = None, most: int = MAX_SHOWN_CASES
) -> str:
    """Returns the first few cases and the number of others.

    >>> first_of(['a', 'b', 'c'], most=2)
    'a, b and 1 more'
    >>> first_of(['a', 'b'], count=1002)
    'a, b and 1,000 more'

    Args:
      cases: all cases, or the first few.
      count: the number of all cases, if ``cases`` has only the first few.
      most: the most cases to name.
    """
    count = len(cases) if count is None else count
    shown = ', '.join(map(str, cases[:most]))
    more = count - min(most, len(cases))
    return f'{shown} and {more:,} more' if more > 0 else shown


def counted(count: int, noun: str, plural: str = '') -> str:
    """Returns a number and its noun.

    >>> counted(1, 'image'), counted(1200, 'image'), counted(2, 'entry', 'entries')
    ('1 image', '1,200 images', '2 entries')

    Args:
      count: how many there are.
      noun: its singular.
      plural: by default the singular with an s.
    """
    return f'{count:,} {noun if count == 1 else plural or noun + "s"}'
