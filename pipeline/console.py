"""Prints lines to the console, silences standard error, and survives closed streams.

The whole package uses this module, so it imports nothing of the package.
"""

import contextlib
import errno
import io
import os
import re
import select
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_FINGERPRINT = re.compile(r' ([0-9a-f]{64})\b')

_STDOUT, _STDERR = 'standard output', 'standard error'

# Guards the two below: how many contexts are open, and what restores standard error.
_lock = threading.Lock()
_depth = 0
_saved: contextlib.ExitStack | None = None


class _OutputFile(io.FileIO):
    """Standard output or error, whose reader may go away at any time, as ``| head`` does.

    What is written after that is discarded. Other errors of standard output are raised
    once; those of standard error are not, because no job should fail for its messages.
    """

    def __init__(self, fd: int, name: str, closefd: bool = False):
        super().__init__(fd, 'w', closefd=closefd)
        self._label = name
        self._is_lossy = name == _STDERR
        self._is_terminal = os.isatty(fd)

    def write(self, data: Any, /) -> int:
        """Writes all or a part of some bytes, and returns their number."""
        try:
            while (written := super().write(data)) is None:  # it does not block
                select.select([], [self], [])
            return written
        except OSError as error:
            is_gone = error.errno == errno.EPIPE or self._is_terminal
            if not is_gone and not self._is_lossy:
                self._is_lossy = True
                raise OSError(error.errno, error.strerror, self._label) from error
        return memoryview(data).nbytes

    def isatty(self) -> bool:
        """Returns True if this is a terminal, even if that is gone by now."""
        return self._is_terminal


def _open_output(fd: int, name: str, closefd: bool = False) -> io.TextIOWrapper:
    file = _OutputFile(fd, name, closefd)
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        errors='backslashreplace',  # a file name may not fit the locale
        line_buffering=name == _STDERR or file.isatty(),
    )


def prepare_streams() -> None:
    """Makes the standard streams of this process usable whatever its parent gave it.

    A closed one becomes the null device: otherwise the next file that is opened would
    get its number, and what is printed. Output may then be lost, but neither fails nor
    changes the exit status if nobody reads it.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number, which is this one
            os.set_inheritable(fd, True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = _open_output(1, _STDOUT)
    sys.stderr = _open_output(2, _STDERR)


@contextlib.contextmanager
def open_stderr() -> Iterator[TextIO]:
    """Opens standard error once more, so that ``silence_stderr`` does not affect it.

    Yields:
      A text file with a descriptor of its own; ``sys.stderr`` if that is not a file,
      as in a notebook.
    """
    try:
        fd = os.dup(sys.stderr.fileno())
    except (OSError, AttributeError):
        yield sys.stderr
        return
    with _open_output(fd, _STDERR, closefd=True) as file:
        yield file


def print_line(console: 'Console', line: str) -> None:
    """Prints a line to a rich console as it is: not wrapped, coloured or parsed.

    Only a fingerprint that would not fit on a terminal's line gets one of its own, to be
    compared and copied as a whole.
    """
    if console.is_terminal and len(line) > console.width:
        line = _FINGERPRINT.sub(r'\n\1', line)
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
