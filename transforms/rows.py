"""Rows: what is known of an image before it is read, and what is shuffled.

A row says where the image's bytes are (source, offset, length), how they are packed there
(method, size, crc) and which example it is (name, index, label). Rows travel as columns
of one numpy array. Between workers they go in blocks, many rows in one compressed string:
about 16 bytes per row of a folder, 22 of a tar and 30 of a zip, instead of the 578 that
the fields of a folder's row take as Python objects.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from indexed_imagenet.text import printable

# The length of a source that is read whole.
WHOLE = -1

# How an image's bytes lie in its source: as they are (separate files, members of a tar),
# or as a member of a zip file, behind its local header.
PLAIN = 0
ZIP_STORED = 1
ZIP_DEFLATED = 2

# Where images are within an archive; the fields are those of ``row_dtype``.
SPAN_DTYPE = np.dtype(
    [
        ('offset', '<i8'),
        ('length', '<i8'),
        ('method', 'u1'),
        ('size', '<i8'),
        ('crc', '<u4'),
    ]
)

_WIDTHS = struct.Struct('<HH')


class Row(NamedTuple):
    """One row, with the fields of ``row_dtype`` in its order. Made by the million."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    label: int
    offset: int
    length: int
    source: bytes
    name: bytes
    method: int = PLAIN
    size: int = 0
    crc: int = 0


def row_dtype(source_width: int, name_width: int) -> np.dtype:
    """Returns the dtype of rows.

    Fields:
      index: position in the index file.
      label: position of the synset in the sorted list, from 0.
      offset, length: the image's bytes within the source, in bytes; ``WHOLE``
        for a source that is one image. For a member of a zip file the offset is
        that of its local header, and the length that of its packed bytes.
      source: path relative to the split's directory.
      name: as in the index file: a basename, or class/file.
      method: ``PLAIN``, ``ZIP_STORED`` or ``ZIP_DEFLATED``.
      size: the unpacked size of a member of a zip file, in bytes; else 0.
      crc: the CRC-32 of a member of a zip file; else 0.
    """
    return np.dtype(
        [
            ('index', '<i4'),
            ('label', '<i2'),
            ('offset', '<i8'),
            ('length', '<i8'),
            ('source', f'S{max(source_width, 1)}'),
            ('name', f'S{max(name_width, 1)}'),
            ('method', 'u1'),
            ('size', '<i8'),
            ('crc', '<u4'),
        ]
    )


def make_rows(
    sources: list[bytes],
    names: list[bytes],
    index: np.ndarray,
    labels: np.ndarray,
    spans: np.ndarray | None = None,
) -> np.ndarray:
    """Makes the rows of images.

    Args:
      sources: one path per image.
      names: one basename per image.
      index, labels: shape [len(names)], integers.
      spans: shape [len(names)], ``SPAN_DTYPE``: where each image is in its source;
        None if each source is one image.
    """
    source_column = np.array(sources, dtype='S')
    name_column = np.array(names, dtype='S')
    dtype = row_dtype(source_column.dtype.itemsize, name_column.dtype.itemsize)
    rows = np.zeros(len(names), dtype)
    rows['index'] = index
    rows['label'] = labels
    rows['length'] = WHOLE
    if spans is not None:
        for field in SPAN_DTYPE.names or ():
            rows[field] = spans[field]
    rows['source'] = source_column
    rows['name'] = name_column
    return rows


def shown_path(row: Row) -> str:
    """Returns the path of a row's image for people; in an archive, with its name."""
    source = printable(row.source)
    return source if row.length == WHOLE else f'{source}/{printable(row.name)}'


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
