"""Tries a read again that failed for a reason that may pass.

A network disk that stumbles, an object store that is busy, a file that is just
being written: a second later the same read works. A file that is not there, or
not to be read, stays so, and the first answer stands.
"""

import errno
from collections.abc import Callable

import tenacity

# Seconds before the second, third and fourth attempt.
PAUSES = (0.2, 1, 4)

# Images in a row whose every attempt failed, after which the next are read but
# once: a disk that is gone would else take 5 seconds for each of a million.
MAX_CONSECUTIVE_FAILURES = 3

_TRANSIENT = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EIO,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOLCK,
        errno.ENOMEM,
        errno.ENOTCONN,
        errno.EPIPE,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)


def is_transient_local(error: BaseException) -> bool:
    """Whether what this machine's file system reported may be over in a moment."""
    return isinstance(error, OSError) and error.errno in _TRANSIENT


def is_transient_remote(error: BaseException) -> bool:
    """Whether what an object store reported may be over in a moment.

    Each store has its own errors, so only what surely stays is not tried again.
    """
    stays = isinstance(error, FileNotFoundError | PermissionError)
    return isinstance(error, OSError) and not stays and error.errno != errno.EFBIG


class RetryPolicy:
    """Tries failed reads of one shard again, until too many stayed in vain."""

    def __init__(self, is_transient: Callable[[BaseException], bool]):
        """Initializes it.

        Args:
          is_transient: tells which errors are worth another attempt.
        """
        self._is_transient = is_transient
        self._consecutive_failures = 0

    def retry(self, read: Callable[[], bytes], error: OSError) -> bytes | OSError:
        """Reads again, with pauses, after a first attempt gave an error.

        Args:
          read: reads the image; raises OSError.
          error: what the first attempt gave.

        Returns:
          The image, or the error that the last attempt gave.
        """
        if not self._is_transient(error):
            return error
        if self._consecutive_failures >= MAX_CONSECUTIVE_FAILURES:
            return error
        first = iter([error])

        def attempt() -> bytes:
            for known in first:
                raise known
            return read()

        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(1 + len(PAUSES)),
            wait=tenacity.wait_chain(*map(tenacity.wait_fixed, PAUSES)),
            retry=tenacity.retry_if_exception(self._is_transient),
            reraise=True,
        )
        try:
            image = attempts(attempt)
        except OSError as last:
            self._consecutive_failures += self._is_transient(last)
            return last
        self._consecutive_failures = 0
        return image

    def note_success(self) -> None:
        """Notes that an image was read at once."""
        self._consecutive_failures = 0
