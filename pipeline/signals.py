"""Ends a job from outside: by a signal, or by a thread that watches something."""

import contextlib
import signal
import threading
from collections.abc import Iterator

# What a watching thread wakes the main thread with.
_WAKE = signal.SIGUSR1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, _WAKE)

_fired: list['Stopped'] = []


class Stopped(KeyboardInterrupt):
    """A signal has ended the job.

    Attributes:
      signum: which one.
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


def _stop(signum, unused_frame):
    # The first one counts: another would break off the stopping of workers.
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    _fired.append(Stopped(signum))
    raise _fired[0]


@contextlib.contextmanager
def raise_on_signals() -> Iterator[None]:
    """Has SIGTERM and SIGHUP end the main thread's work as Ctrl-C does.

    So that workers are stopped, and what is unfinished is tidied up. After the
    first signal, others are ignored: the process is about to end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are for the main thread alone
        return
    _fired.clear()
    before = {}
    for signum in SIGNALS:
        handler = signal.getsignal(signum)
        # nohup and shells have some of them ignored, and they stay so.
        if handler in (signal.SIG_DFL, signal.default_int_handler):
            before[signum] = signal.signal(signum, _stop)
    try:
        yield
    finally:
        if not _fired:
            for signum, handler in before.items():
                signal.signal(signum, handler)


@contextlib.contextmanager
def block_signals() -> Iterator[None]:
    """Has signals wait until the context ends, also in processes forked within.

    What a handler raises while Python forks would be lost.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def until_second_ctrl_c() -> Iterator[None]:
    """Has a Ctrl-C that follows the first one end what is in the context, and no more.

    For waits that a person may not want to see through.
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
    """Has signals end this process at once, as they do by default."""
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def stopping_signal() -> Stopped | None:
    """The signal that ended the job, unless that was a watching thread's.

    A worker in the launcher's own process may have turned it into another error.
    """
    return _fired[0] if _fired and _fired[0].signum != _WAKE else None


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
