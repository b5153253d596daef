"""Configures the C library to return freed memory to the system.

A job's large buffers pass through many threads. By default glibc gives each thread a
heap of its own, and raises the size from which it maps a buffer separately to that of
the largest one freed. Most memory that was ever used then stays allocated: 1.25 GB
instead of 0.6 GB for the job of the full training set.
"""

import ctypes

# mallopt(3)
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def configure_malloc() -> None:
    """Configures glibc's allocator; does nothing with another C library."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_ARENA_MAX, 1)
    # Photographs are smaller than this, packed rows and index tables are larger.
    mallopt(_M_MMAP_THRESHOLD, 1 << 20)
    mallopt(_M_TRIM_THRESHOLD, 2 << 20)
