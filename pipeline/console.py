"""Standard error that stays when workers in this process turn theirs off."""

import os
import sys
from typing import TextIO


def own_stderr() -> TextIO:
    """Standard error, on a descriptor of its own if it has one.

    Importing TensorFlow turns the usual one off for a while, and a worker in the
    launcher's process may still be at it when the job has ended.
    """
    try:
        fd = os.dup(sys.stderr.fileno())
    except OSError:  # replaced by something that is no file, as in a notebook
        return sys.stderr
    return os.fdopen(fd, 'w', buffering=1, errors='backslashreplace')
