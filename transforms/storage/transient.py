"""Says which errors of a local file system may pass, and tries again after those.

A network disk that stumbles gives ESTALE or EIO once; a second later the same call
works. A file that is missing or not readable stays so.
"""

import errno
import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar('_T')

# Seconds before the second, third and fourth attempt.
PAUSES = (0.2, 1, 4)

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
    """Returns whether a local file system's error may be over in a moment."""
    return isinstance(error, OSError) and error.errno in _TRANSIENT


def retry_local(call: Callable[[], _T]) -> _T:
    """Calls a function, again after each error that may pass.

    Args:
      call: reads something; it can be repeated.

    Raises:
      OSError: that of the last attempt.
    """
    for pause in PAUSES:
        try:
            return call()
        except OSError as error:
            if not is_transient_local(error):
                raise
        time.sleep(pause)
    return call()
