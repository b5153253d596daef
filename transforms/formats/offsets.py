"""The locator: where in the shards each example is, to be read on its own.

``SPLIT.index.npz`` holds four arrays as long as the index: ``shard`` (int32, −1
for an example that is not there), ``offset`` (int64, of the frame in the shard's
file, in bytes), ``length`` (int64, of the payload; the frame begins with 12
bytes), and ``crc32c`` (uint32, of the payload).
"""

import io
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from indexed_imagenet.transforms.formats.shard_info import CONTENT, ShardRecord
from indexed_imagenet.transforms.storage import files

_DTYPES = {'shard': '<i4', 'offset': '<i8', 'length': '<i8', 'crc32c': '<u4'}

ABSENT = -1


class Locator(NamedTuple):
    """The four arrays, shape [length of the index] each."""

    shard: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    crc32c: np.ndarray

    def to_npz(self) -> memoryview:
        """The content of the file: the same bytes for the same arrays."""
        file = io.BytesIO()
        np.savez(file, **self._asdict())
        return file.getbuffer()

    def in_shard(self, shard: int) -> np.ndarray:
        """The records of one shard in the order of its file, dtype ``CONTENT``."""
        index = np.flatnonzero(self.shard == shard)
        index = index[np.argsort(self.offset[index], kind='stable')]
        return self._content(index)

    def in_order_of_index(self) -> np.ndarray:
        """All records that are there, dtype ``CONTENT``."""
        return self._content(np.flatnonzero(self.shard != ABSENT))

    def _content(self, index: np.ndarray) -> np.ndarray:
        content = np.empty(len(index), CONTENT)
        content['index'] = index
        content['length'] = self.length[index]
        content['crc32c'] = self.crc32c[index]
        return content


def locator_path(output_directory: str, split: str) -> str:
    """The locator of a split."""
    return files.join(output_directory, f'{split}.index.npz')


def make_locator(records: Mapping[int, ShardRecord], num_examples: int) -> Locator:
    """Puts what is known of each shard into one table.

    Args:
      records: by shard.
      num_examples: length of the index.
    """
    locator = Locator(*(np.zeros(num_examples, dtype) for dtype in _DTYPES.values()))
    locator.shard.fill(ABSENT)
    for shard, record in records.items():
        index = record.content['index']
        locator.shard[index] = shard
        locator.offset[index] = record.offsets()
        locator.length[index] = record.content['length']
        locator.crc32c[index] = record.content['crc32c']
    return locator


def read_locator(path: str) -> Locator:
    """Reads a locator.

    Raises:
      FileNotFoundError: it is not there.
      OSError: it cannot be read.
      ValueError: it is something else.
    """
    with files.open_seekable(path) as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                # Stored as they are, members are no larger than the file.
                if any(info.compress_type for info in arrays.zip.infolist()):
                    raise ValueError('it is compressed, expected members that are not')
                locator = Locator(*(arrays[name] for name in _DTYPES))
        except FileNotFoundError:
            raise
        except Exception as error:  # a stranger's file may fail in any way
            reason = ' '.join(str(error).split()) or type(error).__name__
            raise ValueError(f'{path} is no locator: {reason}') from error
    for name, dtype in _DTYPES.items():
        array = getattr(locator, name)
        if array.dtype != dtype or array.shape != locator.shard.shape or array.ndim != 1:
            raise ValueError(
                f'{path} is no locator: {name!r} has dtype {array.dtype} and shape '
                f'{array.shape}, expected {np.dtype(dtype)} and {locator.shard.shape}'
            )
    return locator
