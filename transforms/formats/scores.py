"""The scores that came with the index, kept beside the shards.

``SPLIT.scores.npz`` holds what the index file has beside names and labels, under the
same keys: ``tr_mem``, the memorization value of each training example, float, as long
as the index. Written only if the index file has it.
"""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np


def scores_to_npz(scores: Mapping[str, np.ndarray]) -> memoryview:
    """Returns the content of the file: the same bytes for the same arrays."""
    file = io.BytesIO()
    arrays: Any = scores
    np.savez(file, **arrays)
    return file.getbuffer()
