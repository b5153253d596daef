"""Checks what a JPEG's header gives to its first scan, as libjpeg does.

Tables, frame and scan are those of ITU-T T.81, annex B. libjpeg rejects a file if a
table is malformed or missing, if a sampling factor is out of range, or if the scan
names components that the frame does not have (jdmarker.c, jdhuff.c, jdphuff.c,
jdinput.c). The checks here are stricter than libjpeg's where that is simpler: a file
that fails one is in doubt and goes to a decoder.

Most files use the same few tables and frames, so the results are cached. The caches
hold at most 1,024 entries each, of at most 2 kB.
"""

import functools

_PROGRESSIVE = 0xC2

_MAX_TABLES = 4
_MAX_SAMPLING_FACTOR = 4
# Blocks in one unit of a scan of several components (T.81, B.2.3).
_MAX_BLOCKS = 10
# Bytes of a Huffman table before its symbols: class and number, 16 counts.
_BEFORE_SYMBOLS = 17
# A DC symbol is a number of bits: at most 15 in libjpeg.
_MAX_DC_SYMBOL = 15
_MAX_SYMBOLS = 256
# Point transform of a progressive scan, in bits (jdphuff.c).
_MAX_LOW_BIT = 13

# All tables at once; longer segments define a table twice.
_MAX_HUFFMAN_BYTES = 2 * _MAX_TABLES * (_BEFORE_SYMBOLS + _MAX_SYMBOLS)
_MAX_QUANTIZATION_BYTES = _MAX_TABLES * (1 + 2 * 64)


def read_huffman_tables(content: bytes) -> int | None:
    """Returns which tables a segment of Huffman tables defines.

    Args:
      content: what follows the segment's length.

    Returns:
      A bit per table: bit n for DC table n, bit 4 + n for AC table n. None if
      libjpeg may reject a table.
    """
    if len(content) > _MAX_HUFFMAN_BYTES:
        return None
    return _read_huffman_tables(content)


@functools.lru_cache(1024)
def _read_huffman_tables(content: bytes) -> int | None:
    tables = position = 0
    while position < len(content):
        kind, number = content[position] >> 4, content[position] & 15
        counts = content[position + 1 : position + _BEFORE_SYMBOLS]
        position += _BEFORE_SYMBOLS
        num_symbols = sum(counts)
        symbols = content[position : position + num_symbols]
        position += num_symbols
        if kind > 1 or number >= _MAX_TABLES or len(symbols) < num_symbols:
            return None
        if len(counts) < 16 or not _is_prefix_code(counts):
            return None
        if kind == 0 and max(symbols, default=0) > _MAX_DC_SYMBOL:
            return None
        tables |= 1 << (kind * _MAX_TABLES + number)
    return tables


def _is_prefix_code(counts: bytes) -> bool:
    """Returns True if there can be as many codes of 1, 2, … 16 bits as the counts say.

    The code of ones only is reserved, so there is always one left (T.81, annex C).
    """
    code = 0
    for bits, count in enumerate(counts, 1):
        code += count
        if code >= 1 << bits:
            return False
        code <<= 1
    return sum(counts) <= _MAX_SYMBOLS


def read_quantization_tables(content: bytes) -> int | None:
    """Returns which tables a segment of quantization tables defines.

    Args:
      content: what follows the segment's length.

    Returns:
      Bit n for table n; None if libjpeg may reject a table.
    """
    if len(content) > _MAX_QUANTIZATION_BYTES:
        return None
    return _read_quantization_tables(content)


@functools.lru_cache(1024)
def _read_quantization_tables(content: bytes) -> int | None:
    tables = position = 0
    while position < len(content):
        precision, number = content[position] >> 4, content[position] & 15
        if precision > 1 or number >= _MAX_TABLES:
            return None
        position += 1 + 64 * (1 + precision)
        tables |= 1 << number
    return tables if position == len(content) else None


@functools.lru_cache(1024)
def can_decode_scan(
    code: int, components: bytes, scan: bytes, quantization: int, huffman: int
) -> bool:
    """Returns True if a scan is one of its frame and has the tables that it needs.

    Args:
      code: of the frame's marker.
      components: the end of the frame's segment, 3 bytes per component.
      scan: what follows the length of the scan's header.
      quantization, huffman: which tables are defined, a bit per table.

    Returns:
      False if libjpeg may reject the scan's header.
    """
    # Of each component: its ID, two sampling factors, its quantization table.
    ids, factors = components[::3], components[1::3]
    horizontal, vertical = [f >> 4 for f in factors], [f & 15 for f in factors]
    if len(set(ids)) < len(ids):
        return False
    if not _can_upsample(horizontal) or not _can_upsample(vertical):
        return False
    count = scan[0] if scan else 0
    if not 1 <= count <= len(ids) or len(scan) != 4 + 2 * count:
        return False
    # Of each component of the scan: its ID, a DC and an AC table.
    scan_ids, scan_tables = scan[1:-3:2], scan[2:-3:2]
    if len(set(scan_ids)) < count or not set(scan_ids) <= set(ids):
        return False
    places = [ids.index(number) for number in scan_ids]
    blocks = sum(horizontal[place] * vertical[place] for place in places)
    if count > 1 and blocks > _MAX_BLOCKS:
        return False
    if not all(_is_defined(quantization, components[3 * p + 2]) for p in places):
        return False
    if not all(_is_defined(huffman, tables >> 4) for tables in scan_tables):
        return False
    if code == _PROGRESSIVE:
        return _is_first_dc_scan(scan)
    ac_tables = huffman >> _MAX_TABLES
    return all(_is_defined(ac_tables, tables & 15) for tables in scan_tables)


def _can_upsample(factors: list[int]) -> bool:
    """Returns True for factors of 1 to 4 that divide the largest (jdsample.c)."""
    most = max(factors)
    return most <= _MAX_SAMPLING_FACTOR and all(f and most % f == 0 for f in factors)


def _is_defined(tables: int, number: int) -> bool:
    return number < _MAX_TABLES and tables >> number & 1 == 1


def _is_first_dc_scan(scan: bytes) -> bool:
    """Returns True for the scan that a progressive JPEG begins with."""
    first, last, bits = scan[-3:]
    return first == 0 and last == 0 and bits <= _MAX_LOW_BIT
