"""The index as a lookup table that is small enough to be a side input.

A dict of 1.28 million names was measured at 1 GB and a minute; this is three
arrays, 27 bytes per name for the training set (35 MB), and looks names up by
binary search, a whole folder in one call.
"""

import dataclasses
import hashlib
import struct
import threading
import weakref
import zlib
from collections.abc import Iterable

import apache_beam as beam
import numpy as np

from indexed_imagenet.transforms.formats.index_file import SplitIndex, read_split_index
from indexed_imagenet.transforms.formats.layout import SPLITS


class IndexTable:
    """Names in sorted order, with the index and label of each.

    Attributes:
      names: shape [N], dtype S, ascending.
      index: shape [N], int32, the position of each name in the index file.
      labels: shape [N], int16, the position of its synset in the sorted list.
      has_paths: whether names are ``class/file`` instead of basenames.
    """

    __slots__ = ('names', 'index', 'labels', 'has_paths', '__weakref__')

    def __init__(self, names: np.ndarray, index: np.ndarray, labels: np.ndarray):
        self.names = names
        self.index = index
        self.labels = labels
        self.has_paths = bool(len(names)) and b'/' in bytes(names[0])

    @classmethod
    def from_split(cls, split: SplitIndex) -> 'IndexTable':
        """Sorts one split of the index file into a table."""
        order = np.argsort(split.names, kind='stable')
        return cls(split.names[order], order.astype(np.int32), split.labels[order])

    def find(self, names: Iterable[bytes]) -> np.ndarray:
        """Returns the table's row of each name, −1 if the table lacks it.

        Args:
          names: in the form of the table's; any number of them.

        Returns:
          Shape [len(names)], int64: use it on ``index`` and ``labels``.
        """
        sought = np.array(list(names), dtype='S')
        if not sought.size:
            return np.empty(0, np.int64)
        # One width on both sides, or numpy would widen the whole table. A name
        # that is longer than every name in the table cannot be in it.
        width = self.names.dtype.itemsize
        too_long = np.char.str_len(sought) > width
        sought = sought.astype(f'S{width}')
        row = np.searchsorted(self.names, sought)
        row[row == len(self.names)] = 0
        row[too_long | (self.names[row] != sought)] = -1
        return row


_HEADER = struct.Struct('<QQ')
_DIGEST_BYTES = 16
_tables: 'weakref.WeakValueDictionary[bytes, IndexTable]' = weakref.WeakValueDictionary()
_tables_lock = threading.Lock()


@dataclasses.dataclass(frozen=True)
class PackedIndexTable:
    """A table as it travels: compressed, as sorted names share their beginnings.

    A runner keeps several copies of a side input, in the launcher too, and long
    after the steps that use it: 11 MB each instead of 35. ``unpack`` it for as long
    as it is used.

    Attributes:
      digest: identifies the content.
      content: the compressed arrays.
    """

    digest: bytes
    content: bytes

    @classmethod
    def pack(cls, table: IndexTable) -> 'PackedIndexTable':
        """Compresses a table."""
        header = _HEADER.pack(len(table.names), table.names.dtype.itemsize)
        arrays = (table.names, table.index, table.labels)
        body = b''.join([header, *(array.tobytes() for array in arrays)])
        digest = hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
        return cls(digest, zlib.compress(body, level=1))

    def unpack(self) -> IndexTable:
        """Returns the table, the same one to everybody in this process.

        So a process has one table, whatever its number of threads.
        """
        with _tables_lock:
            table = _tables.get(self.digest)
            if table is None:
                table = _tables[self.digest] = self._unpack()
            return table

    def _unpack(self) -> IndexTable:
        body = zlib.decompress(self.content)
        length, width = _HEADER.unpack_from(body)
        offset = _HEADER.size
        arrays = []
        for dtype in (f'S{width}', '<i4', '<i2'):
            arrays.append(np.frombuffer(body, dtype, length, offset))
            offset += arrays[-1].nbytes
        return IndexTable(*arrays)


def read_index_table(path: str, split: str) -> PackedIndexTable:
    """Reads one split of the index file into a table."""
    return PackedIndexTable.pack(IndexTable.from_split(read_split_index(path, split)))


class ReadIndexTable(beam.PTransform):
    """Makes the index table of one split, once, on a worker.

    Gives one ``PackedIndexTable``; pass it on as a singleton side input.
    """

    def __init__(self, path: str, split: str):
        super().__init__()
        if split not in SPLITS:
            raise ValueError(f'split is {split!r} (expected {" or ".join(SPLITS)})')
        self._path = path
        self._split = split

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        return (
            begin
            | 'Name the index file' >> beam.Create([self._path], reshuffle=False)
            | 'Read it into a table'
            >> beam.Map(read_index_table, self._split).with_output_types(PackedIndexTable)
        )
