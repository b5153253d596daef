"""Rows: what is known of an image before it is read, and what is shuffled.

A row says where the image's bytes are (source, offset, length) and which example it is
(name, index, label). Rows travel as columns of one numpy array. Between workers they go
in blocks, many rows in one compressed string: about 16 bytes per row instead of the 578
that the same fields take as Python objects.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

# The length of a source that is read whole.
WHOLE = -1

_WIDTHS = struct.Struct('<HH')


class Row(NamedTuple):
    """One row, with the fields of ``row_dtype`` in its order. Made by the million."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    label: int
    offset: int
    length: int
    source: bytes
    name: bytes


def row_dtype(source_width: int, name_width: int) -> np.dtype:
    """Returns the dtype of rows.

    Fields:
      index: position in the index file.
      label: position of the synset in the sorted list, from 0.
      offset, length: the image's bytes within the source, in bytes; ``WHOLE``
        for a source that is one image.
      source: path relative to the split's directory.
      name: as in the index file: a basename, or class/file.
    """
    return np.dtype(
        [
            ('index', '<i4'),
            ('label', '<i2'),
            ('offset', '<i8'),
            ('length', '<i8'),
            ('source', f'S{max(source_width, 1)}'),
            ('name', f'S{max(name_width, 1)}'),
        ]
    )


def make_rows(
    sources: list[bytes], names: list[bytes], index: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Makes the rows of images that are separate files.

    Args:
      sources: one path per image.
      names: one basename per image.
      index, labels: shape [len(names)], integers.
    """
    source_column = np.array(sources, dtype='S')
    name_column = np.array(names, dtype='S')
    dtype = row_dtype(source_column.dtype.itemsize, name_column.dtype.itemsize)
    rows = np.empty(len(names), dtype)
    rows['index'] = index
    rows['label'] = labels
    rows['offset'] = 0
    rows['length'] = WHOLE
    rows['source'] = source_column
    rows['name'] = name_column
    return rows


def each_row(rows: np.ndarray) -> Iterator[Row]:
    """Yields rows one by one."""
    return map(Row._make, rows.tolist())


def join_rows(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Concatenates arrays of rows, widening sources and names as needed."""
    parts = list(parts)
    if not parts:
        return np.empty(0, row_dtype(1, 1))
    widths = [
        max(part.dtype[field].itemsize for part in parts) for field in ('source', 'name')
    ]
    dtype = row_dtype(*widths)
    return np.concatenate([part.astype(dtype, copy=False) for part in parts])


def pack_rows(rows: np.ndarray) -> bytes:
    """Packs rows into one compressed block."""
    widths = (rows.dtype['source'].itemsize, rows.dtype['name'].itemsize)
    # Byte column by byte column: they repeat down a column, so they compress better.
    in_bytes = np.ascontiguousarray(rows).view(np.uint8)
    table = in_bytes.reshape(-1, rows.dtype.itemsize)
    return _WIDTHS.pack(*widths) + zlib.compress(table.T.tobytes(), 1)


def unpack_rows(block: bytes) -> np.ndarray:
    """Returns the rows of one block."""
    dtype = row_dtype(*_WIDTHS.unpack_from(block))
    columns = np.frombuffer(zlib.decompress(memoryview(block)[_WIDTHS.size :]), np.uint8)
    table = columns.reshape(dtype.itemsize, -1).T
    return np.ascontiguousarray(table).view(dtype).reshape(-1)


def unpack_blocks(blocks: Iterable[bytes]) -> np.ndarray:
    """Returns the rows of several blocks."""
    return join_rows(unpack_rows(block) for block in blocks)
