"""Configures the C library for many short-lived arrays."""

import ctypes

# mallopt(3)
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def keep_freed_memory() -> None:
    """Has glibc keep freed memory for reuse; does nothing with another C library.

    Commands are configured to return it at once. Drawing frees some megabytes for each
    picture, and getting them back from the system took a fourth of its time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, 32 << 20)
    mallopt(_M_TRIM_THRESHOLD, 256 << 20)
