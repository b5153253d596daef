"""The offsets: where in the shards each example is, and its label and name.

``SPLIT.offsets.npz`` is an npz file without compression. Each array but the first and
the names is as long as the index:

    format         1
    shard          int32, the shard's number; −1 for an example that is not present
    offset         int64, of the frame in the shard's file, in bytes
    length         int64, of the payload, in bytes; it begins 12 bytes after the frame
    crc32c         uint32, of the payload, not masked
    label          int16, position in the sorted list of synsets, from 0
    name_content   uint8, all file names one after another
    name_ends      int64, where each name ends in them

Labels and names are those of the whole index, of examples that are not present too.
"""

import dataclasses
import io
from collections.abc import Mapping

import numpy as np

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.formats.packed_names import PackedNames
from indexed_imagenet.transforms.formats.safe_npz import read_stored_arrays
from indexed_imagenet.transforms.formats.shard_info import RECORD_DTYPE, ShardInfo

FORMAT = 1

ABSENT = -1

# Where each example is, by the names of the arrays.
PLACE_DTYPES = {'shard': '<i4', 'offset': '<i8', 'length': '<i8', 'crc32c': '<u4'}
_LABEL_DTYPE = '<i2'
_KEYS = ['format', *PLACE_DTYPES, 'label', 'name_content', 'name_ends']


@dataclasses.dataclass(frozen=True, slots=True)
class RecordOffsets:
    """The content of the file; every array has shape [length of the index].

    Attributes:
      shard, offset, length, crc32c, label: as in the file.
      names: file names.
    """

    shard: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    crc32c: np.ndarray
    label: np.ndarray
    names: PackedNames

    def to_npz(self) -> memoryview:
        """Returns the content of the file: the same bytes for the same arrays."""
        file = io.BytesIO()
        np.savez(
            file,
            format=np.int64(FORMAT),
            shard=self.shard,
            offset=self.offset,
            length=self.length,
            crc32c=self.crc32c,
            label=self.label,
            name_content=self.names.content,
            name_ends=self.names.ends,
        )
        return file.getbuffer()

    def in_shard(self, shard: int) -> np.ndarray:
        """Returns one shard's records in file order, dtype ``RECORD_DTYPE``."""
        index = np.flatnonzero(self.shard == shard)
        index = index[np.argsort(self.offset[index], kind='stable')]
        return self._records(index)

    def in_order_of_index(self) -> np.ndarray:
        """Returns all records that are present, dtype ``RECORD_DTYPE``."""
        return self._records(np.flatnonzero(self.shard != ABSENT))

    def _records(self, index: np.ndarray) -> np.ndarray:
        records = np.empty(len(index), RECORD_DTYPE)
        records['index'] = index
        records['length'] = self.length[index]
        records['crc32c'] = self.crc32c[index]
        return records


def make_offsets(infos: Mapping[int, ShardInfo], index: SplitIndex) -> RecordOffsets:
    """Combines what is known of each shard, and the index.

    Args:
      infos: by shard.
      index: names and labels of the split.
    """
    length = len(index.names)
    shard, offset, size, crc32c = (
        np.zeros(length, dtype) for dtype in PLACE_DTYPES.values()
    )
    shard.fill(ABSENT)
    for number, info in infos.items():
        present = info.records['index']
        shard[present] = number
        offset[present] = info.offsets()
        size[present] = info.records['length']
        crc32c[present] = info.records['crc32c']
    labels = index.labels.astype(_LABEL_DTYPE)
    names = PackedNames.pack(index.names)
    return RecordOffsets(shard, offset, size, crc32c, labels, names)


def read_offsets(path: str) -> RecordOffsets:
    """Reads the offsets of a split.

    Raises:
      FileNotFoundError: the file does not exist.
      OSError: it cannot be read.
      ValueError: it is something else, or of another format.
    """
    with storage.open_seekable(path) as file:
        try:
            arrays = read_stored_arrays(file, _KEYS)
            offsets = _check(arrays)
        except ValueError as error:
            raise ValueError(f'{path} is not an offsets file: {error}') from error
    return offsets


def _check(arrays: dict[str, np.ndarray]) -> RecordOffsets:
    number = arrays.pop('format')
    if number.shape != () or number != FORMAT:
        raise ValueError(f'its format is {number} (expected {FORMAT})')
    names = PackedNames(arrays.pop('name_content'), arrays.pop('name_ends'))
    for key, dtype in {**PLACE_DTYPES, 'label': _LABEL_DTYPE}.items():
        array = arrays[key]
        if array.dtype != dtype or array.shape != (len(names),):
            raise ValueError(
                f'{key!r} has dtype {array.dtype} and shape {array.shape} (expected '
                f'{np.dtype(dtype)} and {(len(names),)})'
            )
    return RecordOffsets(**arrays, names=names)
