"""Ends a job from outside: by a signal, or by a thread that watches something."""

import contextlib
import signal
import threading
from collections.abc import Iterator

# What a watching thread wakes the main thread with.
_WAKE = signal.SIGUSR1


class Stopped(KeyboardInterrupt):
    """A signal has ended the job.

    Attributes:
      signum: which one.
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


def _stop(signum, unused_frame):
    raise Stopped(signum)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Has SIGTERM and SIGHUP end the main thread's work as Ctrl-C does.

    So that workers are stopped, and what is unfinished is tidied up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are for the main thread alone
        return
    before = {}
    for signum in (signal.SIGTERM, signal.SIGHUP, _WAKE):
        if signal.getsignal(signum) == signal.SIG_DFL:  # nohup has one ignored
            before[signum] = signal.signal(signum, _stop)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class Interrupt:
    """Wakes the main thread, with a reason.

    Attributes:
      reason: why the job was stopped, one line for the user; None if it was not,
        or if a person did it.
    """

    def __init__(self):
        self.reason: str | None = None

    def stop(self, reason: str) -> None:
        """Has the main thread leave whatever it waits for."""
        if self.reason is not None:
            return
        self.reason = reason
        if signal.getsignal(_WAKE) is _stop:
            signal.pthread_kill(threading.main_thread().ident, _WAKE)
