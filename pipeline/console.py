"""Standard error: one way to print on it, and one way to silence it.

Both folders build on this module, as on ``errors``, so it imports nothing of ours.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

_lock = threading.Lock()
_depth = 0
_saved: contextlib.ExitStack | None = None


def open_stderr() -> TextIO:
    """Opens standard error on a descriptor of its own, which ``silence_stderr`` spares.

    Returns ``sys.stderr`` itself if that is not a file, as in a notebook.
    """
    try:
        fd = os.dup(sys.stderr.fileno())
    except (OSError, AttributeError):
        return sys.stderr
    return os.fdopen(fd, 'w', buffering=1, errors='backslashreplace')


def print_line(console: Any, line: str) -> None:
    """Prints a line on a rich console as it is, without wrapping or colouring it."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextlib.contextmanager
def silence_stderr(unless: bool = False) -> Iterator[None]:
    """Drops what is written to standard error, by Python, native code and children.

    Contexts may overlap in any order, in any threads: the last one to end restores
    it. What ``open_stderr`` has opened before is not affected.

    Args:
      unless: leave it as it is, for example because of ``--verbose``.
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
