"""The offsets: where in the shards each example is, to be read on its own.

``SPLIT.index.npz`` holds four arrays as long as the index: ``shard`` (int32, −1
for an example that is not there), ``offset`` (int64, of the frame in the shard's
file, in bytes), ``length`` (int64, of the payload; the frame begins with 12
bytes), and ``crc32c`` (uint32, of the payload).
"""

import io
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from indexed_imagenet.transforms.formats.shard_info import RECORD_DTYPE, ShardInfo
from indexed_imagenet.transforms.storage import files

_DTYPES = {'shard': '<i4', 'offset': '<i8', 'length': '<i8', 'crc32c': '<u4'}

ABSENT = -1


class RecordOffsets(NamedTuple):
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
        """The records of one shard in the order of its file, dtype ``RECORD_DTYPE``."""
        index = np.flatnonzero(self.shard == shard)
        index = index[np.argsort(self.offset[index], kind='stable')]
        return self._content(index)

    def in_order_of_index(self) -> np.ndarray:
        """All records that are there, dtype ``RECORD_DTYPE``."""
        return self._content(np.flatnonzero(self.shard != ABSENT))

    def _content(self, index: np.ndarray) -> np.ndarray:
        content = np.empty(len(index), RECORD_DTYPE)
        content['index'] = index
        content['length'] = self.length[index]
        content['crc32c'] = self.crc32c[index]
        return content


def offsets_path(output_directory: str, split: str) -> str:
    """The offsets of a split."""
    return files.join(output_directory, f'{split}.index.npz')


def make_offsets(records: Mapping[int, ShardInfo], num_examples: int) -> RecordOffsets:
    """Puts what is known of each shard into one table.

    Args:
      records: by shard.
      num_examples: length of the index.
    """
    offsets = RecordOffsets(
        *(np.zeros(num_examples, dtype) for dtype in _DTYPES.values())
    )
    offsets.shard.fill(ABSENT)
    for shard, record in records.items():
        index = record.content['index']
        offsets.shard[index] = shard
        offsets.offset[index] = record.offsets()
        offsets.length[index] = record.content['length']
        offsets.crc32c[index] = record.content['crc32c']
    return offsets


def read_offsets(path: str) -> RecordOffsets:
    """Reads a offsets.

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
                offsets = RecordOffsets(*(arrays[name] for name in _DTYPES))
        except FileNotFoundError:
            raise
        except Exception as error:  # a stranger's file may fail in any way
            reason = ' '.join(str(error).split()) or type(error).__name__
            raise ValueError(f'{path} is no offsets: {reason}') from error
    for name, dtype in _DTYPES.items():
        array = getattr(offsets, name)
        if array.dtype != dtype or array.shape != offsets.shard.shape or array.ndim != 1:
            raise ValueError(
                f'{path} is no offsets: {name!r} has dtype {array.dtype} and shape '
                f'{array.shape}, expected {np.dtype(dtype)} and {offsets.shard.shape}'
            )
    return offsets
