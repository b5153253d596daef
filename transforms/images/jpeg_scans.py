"""Finds whether a JPEG comes to its end, and how many scans it has.

The last two bytes of a file may look like the end-of-image marker and be none:
a file can be cut where a comment, a table or a preview has these bytes. So the
markers are followed to the end, as libjpeg does it (jdmarker.c): after a scan's
data, and after any bytes that belong to nothing, comes the next 0xFF whose code
is no stuffed zero, no restart and no fill byte.

A file whose only scan reaches to its end needs no such walk. That no marker is
near the end takes about 9 µs to see, the walk 35 µs for 113 kB.
"""

import re
from typing import NamedTuple

import numpy as np

from indexed_imagenet.transforms.images.jpeg_header import JpegHeader

_MARKER = re.compile(rb'\xff[\x01-\xcf\xd8-\xfe]')
_MARK = np.uint8(0xFF)
_ALONE, _END, _SCAN, _SCAN_BYTES = 0x01, 0xD9, 0xDA, b'\xff\xda'
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
# Tables, restart interval, number of lines, application data, comment. At any
# other code a decoder stops.
_SEGMENTS = frozenset({0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE})

# A segment's marker and the most that its length can say.
_LONGEST_SEGMENT = 2 + 0xFFFF

# Markers that are followed, which takes less than a tenth of a second. An
# ordinary file has a few dozen.
_MAX_MARKERS = 100_000


class Scans(NamedTuple):
    """What following the markers found.

    Attributes:
      count: how many scans a decoder may come to, or more than that if there
        are too many markers to follow.
      ended: whether the end-of-image marker was reached.
    """

    count: int
    ended: bool


def follow_scans(data: bytes, start: int = 2) -> Scans:
    """Follows the markers of a JPEG up to the end of the image.

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
        if code == _ALONE:
            continue
        if code not in _SEGMENTS and (code not in _FRAMES or count):
            return Scans(count, False)
        count += code == _SCAN
        position += data[position] << 8 | data[position + 1]
    return Scans(count + data.count(_SCAN_BYTES, position), False)


def only_scan_reaches_end(data: bytes, header: JpegHeader) -> bool:
    """Whether the end marker that a file ends with ends its only scan.

    Args:
      data: the whole file; its last two bytes are an end-of-image marker.
      header: its header.

    Returns:
      True if so. False if that takes following the markers to know: there may
      be other scans, or there is a marker so near the end that its segment may
      be cut off, or the scan has restart markers.
    """
    if not header.one_scan:
        return False
    length = data[header.scan + 2] << 8 | data[header.scan + 3]
    begin, end = header.scan + 2 + length, len(data) - 2
    if begin > end:
        return False
    begin = max(begin, end - _LONGEST_SEGMENT)
    here = np.frombuffer(data, np.uint8, end - begin, begin)
    after = np.frombuffer(data, np.uint8, end - begin, begin + 1)
    # 1 where 0xFF stands before anything but the zero that is stuffed after it.
    markers = np.equal(here, _MARK).view(np.uint8)
    np.minimum(markers, after, out=markers)
    return not markers.view(np.bool_).any()
