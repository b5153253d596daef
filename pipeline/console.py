"""Prints lines to the console, and silences standard error.

The whole package uses this module, so it imports nothing of the package.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# Guards the two below: how many contexts are open, and what restores standard error.
_lock = threading.Lock()
_depth = 0
_saved: contextlib.ExitStack | None = None


def open_stderr() -> TextIO:
    """Opens standard error once more, so that ``silence_stderr`` does not affect it.

    Returns:
      A text file with a descriptor of its own; ``sys.stderr`` if that is not a file,
      as in a notebook.
    """
    try:
        fd = os.dup(sys.stderr.fileno())
    except (OSError, AttributeError):
        return sys.stderr
    return os.fdopen(fd, 'w', buffering=1, errors='backslashreplace')


def print_line(console: 'Console', line: str) -> None:
    """Prints a line to a rich console as it is: not wrapped, coloured or parsed."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextlib.contextmanager
def silence_stderr(unless: bool = False) -> Iterator[None]:
    """Discards standard error within the context.

    That is everything written by Python, native code and child processes, except to
    files that ``open_stderr`` opened before. Contexts may overlap in any order and in
    any threads: the last one to end restores standard error.

    Args:
      unless: discard nothing, for example because of ``--verbose``.
    """
    if unless:
        yield
        return
    _silence()
    try:
        yield
    finally:
        _restore()


def _silence() -> None:
    global _depth, _saved
    with _lock:
        _depth += 1
        if _depth > 1:
            return
        stack = contextlib.ExitStack()
        nowhere = stack.enter_context(open(os.devnull, 'w'))  # noqa: SIM115
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        with contextlib.suppress(OSError):  # standard error may be closed
            kept = os.dup(2)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, 2)
            os.dup2(nowhere.fileno(), 2)
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        _saved = stack


def _restore() -> None:
    global _depth, _saved
    with _lock:
        _depth -= 1
        if _depth == 0 and _saved is not None:
            saved, _saved = _saved, None
            saved.close()
