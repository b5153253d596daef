"""Finds out whether a JPEG reaches its end, and how many scans it has.

A file whose last two bytes equal the end-of-image marker may still be cut off: a
comment, a table or a thumbnail can contain these bytes. So the markers are followed
to the end, as libjpeg does (jdmarker.c): after a scan's data, and after any bytes
that belong to no segment, the next marker is the next 0xFF whose code is not a
stuffed zero, a restart or a fill byte.

A file whose only scan reaches its end does not need that walk. Seeing that there is
no marker in the scan takes about 10 µs, the walk 38 µs for 114 kB.
"""

import dataclasses
import re

import numpy as np

from indexed_imagenet.transforms.images.jpeg_header import JpegHeader

_MARKER = re.compile(rb'\xff[\x01-\xcf\xd8-\xfe]')
_MARKER_BYTE = np.uint8(0xFF)
_TEMPORARY, _END, _SCAN, _SCAN_MARKER = 0x01, 0xD9, 0xDA, b'\xff\xda'
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
# Tables, restart interval, number of lines, application data, comment. At any
# other code a decoder stops.
_SEGMENTS = frozenset({0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE})

# Bytes. A longer scan is left to the walk, which needs no memory.
_LONGEST_SCAN = 16 << 20

# The most markers that are followed, which takes less than a tenth of a second. An
# ordinary file has a few dozen.
_MAX_MARKERS = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class Scans:
    """The scans of a JPEG.

    Attributes:
      count: how many scans a decoder may reach. With more than ``_MAX_MARKERS``
        markers this is an upper bound.
      ended: True if the end-of-image marker was reached.
    """

    count: int
    ended: bool


def follow_scans(data: bytes, start: int = 2) -> Scans:
    """Follows the markers of a JPEG to the end of the image.

    Args:
      data: the whole file.
      start: offset of the marker to begin at, bytes.
    """
    count, position = 0, start
    for _ in range(_MAX_MARKERS):
        found = _MARKER.search(data, position)
        if found is None or found.end() + 2 > len(data):
            return Scans(count, found is not None and data[found.start() + 1] == _END)
        position = found.end()
        code = data[position - 1]
        if code == _END:
            return Scans(count, True)
        if code == _TEMPORARY:
            continue
        if code not in _SEGMENTS and (code not in _FRAMES or count):
            return Scans(count, False)
        count += code == _SCAN
        position += data[position] << 8 | data[position + 1]
    return Scans(count + data.count(_SCAN_MARKER, position), False)


def only_scan_reaches_end(data: bytes, header: JpegHeader) -> bool:
    """Returns True if the end marker that closes a file also closes its only scan.

    Args:
      data: the whole file; its last two bytes are an end-of-image marker.
      header: its header.

    Returns:
      False if only following the markers can decide: there may be other scans, or
      the scan has markers. Those may be restarts, or a sign of damage: at some codes
      a decoder stops.
    """
    if not header.one_scan:
        return False
    scan = header.scan_offset
    length = data[scan + 2] << 8 | data[scan + 3]
    begin, end = scan + 2 + length, len(data) - 2
    if not 0 <= end - begin <= _LONGEST_SCAN:
        return False
    window = np.frombuffer(data, np.uint8, end - begin, begin)
    following = np.frombuffer(data, np.uint8, end - begin, begin + 1)
    # 1 where 0xFF is followed by anything but a stuffed zero.
    markers = np.equal(window, _MARKER_BYTE).view(np.uint8)
    np.minimum(markers, following, out=markers)
    return not markers.view(np.bool_).any()
