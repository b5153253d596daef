"""The scores that came with the index, kept beside the shards.

``SPLIT.scores.npz`` holds what the index file has beside names and labels, under the
same keys: ``tr_mem``, the memorization value of each training example, float, as long
as the index. Written only if the index file has it.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.safe_npz import member_keys, read_member


def scores_to_npz(scores: Mapping[str, np.ndarray]) -> memoryview:
    """Returns the content of the file: the same bytes for the same arrays."""
    file = io.BytesIO()
    arrays: Any = scores
    np.savez(file, **arrays)
    return file.getbuffer()


def read_scores(path: str) -> dict[str, np.ndarray]:
    """Reads the scores beside a split, by key.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is something else.
    """
    try:
        with storage.open_seekable(path) as file, zipfile.ZipFile(file) as archive:
            scores = {key: read_member(archive, key) for key in member_keys(archive)}
    except OSError:
        raise
    except Exception as error:  # a stranger's file may fail in any way
        raise ValueError(f'{path} is not a scores file: {error}') from error
    arrays = {}
    for key, values in scores.items():
        if isinstance(values, list) or values.ndim != 1 or values.dtype.kind != 'f':
            raise ValueError(f'{path} is not a scores file: {key!r} is not of numbers')
        arrays[key] = values
    return arrays
