"""Retries reads that failed for a reason that may pass.

A network disk that stumbles, an object store that is busy, a file that is being
written right now: a second later the same read works. A file that is missing or not
readable stays so, and the first error stands.
"""

import errno
from collections.abc import Callable

import tenacity

from indexed_imagenet.transforms.storage.transient import PAUSES
from indexed_imagenet.transforms.storage.transient import (
    is_transient_local as is_transient_local,
)

# After this many reads in a row that failed on every attempt, the next ones get one
# attempt each: a disk that is gone would else take 5 seconds for each of a million.
MAX_CONSECUTIVE_FAILURES = 3


def is_transient_remote(error: BaseException) -> bool:
    """Returns whether an object store's error may be over in a moment.

    Each store has its own errors, so everything is retried but what surely stays.
    """
    permanent = isinstance(error, FileNotFoundError | PermissionError)
    return isinstance(error, OSError) and not permanent and error.errno != errno.EFBIG


class RetryPolicy:
    """Retries the failed reads of one shard, until too many in a row fail for good."""

    def __init__(self, is_transient: Callable[[BaseException], bool]):
        """Initializes the policy.

        Args:
          is_transient: says which errors are worth another attempt.
        """
        self._is_transient = is_transient
        self._consecutive_failures = 0

    def read(self, read: Callable[[], bytes]) -> bytes | OSError:
        """Reads, with pauses between the attempts.

        Args:
          read: reads the image; raises OSError.

        Returns:
          The image, or the error of the last attempt.
        """
        try:
            image = read()
        except OSError as error:
            return self.retry(read, error)
        self.note_success()
        return image

    def note_success(self) -> None:
        """Notes that a read worked at the first attempt."""
        self._consecutive_failures = 0

    def retry(self, read: Callable[[], bytes], error: OSError) -> bytes | OSError:
        """Reads again, after a first attempt that was made elsewhere.

        Args:
          read: reads the image; raises OSError.
          error: that of the first attempt.

        Returns:
          The image, or the error of the last attempt.
        """
        if self._consecutive_failures >= MAX_CONSECUTIVE_FAILURES:
            return error
        if not self._is_transient(error):
            return error
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(len(PAUSES)),
            wait=tenacity.wait_chain(*map(tenacity.wait_fixed, PAUSES[1:])),
            retry=tenacity.retry_if_exception(self._is_transient),
            reraise=True,
        )
        retrying.sleep(PAUSES[0])
        try:
            image = retrying(read)
        except OSError as last:
            self._consecutive_failures += self._is_transient(last)
            return last
        self._consecutive_failures = 0
        return image
