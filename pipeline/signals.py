"""Stops a job from outside: on a signal, or from a thread that watches something."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

# The signal by which a watching thread wakes the main thread.
_WAKE = signal.SIGUSR1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, _WAKE)

_raised: list['StoppedError'] = []


class StoppedError(KeyboardInterrupt):
    """A signal stopped the job.

    Attributes:
      signum: the number of the signal.
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


def _stop(signum: int, unused_frame: FrameType | None) -> NoReturn:
    # Only the first signal counts: a second one would interrupt the clean-up.
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    _raised.append(StoppedError(signum))
    raise _raised[0]


@contextlib.contextmanager
def raise_on_signals() -> Iterator[None]:
    """Raises ``StoppedError`` in the main thread on Ctrl-C, SIGTERM or SIGHUP.

    So workers are stopped and temporary files deleted whichever signal comes. After
    the first signal all others are ignored, as the process is about to end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    _raised.clear()
    before = {}
    for signum in SIGNALS:
        handler = signal.getsignal(signum)
        # A signal that is ignored stays so: nohup and shells set that on purpose.
        if handler in (signal.SIG_DFL, signal.default_int_handler):
            before[signum] = signal.signal(signum, _stop)
    try:
        yield
    finally:
        if not _raised:
            for signum, handler in before.items():
                signal.signal(signum, handler)


@contextlib.contextmanager
def block_signals() -> Iterator[None]:
    """Delays signals until the context ends, also in processes forked within it.

    An exception that a handler raises while Python forks would be lost.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def until_second_ctrl_c() -> Iterator[None]:
    """Leaves the context on a Ctrl-C, without raising it.

    For a wait after the first Ctrl-C, which the user may not want to see through.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGINT, before)


def restore_default_signals() -> None:
    """Makes signals end this process at once, as they do by default."""
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def stopping_signal() -> StoppedError | None:
    """Returns the error of the signal that stopped the job; None if an ``Interrupt`` did.

    For when the error itself is lost: a worker in the launcher's process may have
    turned it into another one.
    """
    return _raised[0] if _raised and _raised[0].signum != _WAKE else None


class Interrupt:
    """Stops the main thread's work from another thread, for a reason.

    Attributes:
      reason: why the job was stopped, one line for the user; None if it was not, or
        by a signal.
    """

    def __init__(self) -> None:
        self.reason: str | None = None

    def stop(self, reason: str) -> None:
        """Raises ``StoppedError`` in the main thread; only the first call counts."""
        if self.reason is not None:
            return
        self.reason = reason
        if signal.getsignal(_WAKE) is _stop:
            main_thread = threading.main_thread().ident
            if main_thread is not None:
                signal.pthread_kill(main_thread, _WAKE)
