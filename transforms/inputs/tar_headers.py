"""Lists the members of a tar file from its headers, without reading what is between.

The formats are those of GNU tar and of POSIX (ustar and pax):
https://www.gnu.org/software/tar/manual/html_node/Standard.html and
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html. Python's tarfile
ends silently at some kinds of damage; here any damage is an error that says where.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from indexed_imagenet.text import printable

BLOCK = 512
_ZEROS = bytes(BLOCK)

# Names and attributes of one member are at most this long, in bytes.
_MAX_EXTENSION = 1 << 20

# Tars are filled up with zeros to a record, 10,240 bytes by default.
_MAX_FILLING = 1 << 20

_FILES = (b'0', b'\0', b'7')
_FOLDER = b'5'
_GNU_NAME, _GNU_LINK, _PAX, _PAX_GLOBAL = b'L', b'K', b'x', b'g'

# What else there may be, as people call it.
_OTHERS = {
    b'1': 'a hard link',
    b'2': 'a symbolic link',
    b'3': 'a device',
    b'4': 'a device',
    b'6': 'a pipe',
    b'S': 'a sparse file',
    b'M': 'the rest of a file of another volume',
}

# Reads bytes from an offset; fewer at the end of the file.
Read = Callable[[int, int], bytes]


class ArchiveError(ValueError):
    """An archive that is damaged, or that holds what is not taken; says where."""


class Member(NamedTuple):
    """One member of an archive. Made by the million.

    Attributes:
      path: as in the archive.
      offset: of its bytes, from the beginning of the file.
      length: of its bytes.
      other: what it is, if it is not a regular file; else ''.
    """

    path: bytes
    offset: int
    length: int
    other: str


def _number(field: bytes, what: str, at: int) -> int:
    """Returns a number of a header: octal digits, or GNU's base 256."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], 'big')
    digits = field.strip(b' \0')
    if digits.strip(b'01234567'):
        raise ArchiveError(f'the {what} in the header at byte {at:,} is not a number')
    return int(digits or b'0', 8)


def _check_sum(header: bytes, at: int, start: int) -> None:
    field = header[148:156]
    digits = field.strip(b' \0')
    found = sum(header) - sum(field) + 8 * ord(' ')
    # int() would also take signs and underscores.
    if digits and not digits.strip(b'01234567') and int(digits, 8) == found:
        return
    if at == start:
        raise ArchiveError(f'not a tar: no valid header at byte {at:,}')
    raise ArchiveError(f'the header at byte {at:,} is damaged (wrong checksum)')


def _pax_fields(data: bytes, at: int) -> dict[bytes, bytes]:
    """Returns the attributes of an extended header: ``LENGTH KEY=VALUE\\n`` each."""
    fields, place = {}, 0
    while place < len(data):
        digits, space, _ = data[place : place + 20].partition(b' ')
        end = place + int(digits) if digits.isdigit() else 0
        record = data[place + len(digits) + 1 : end]
        key, equals, value = record.partition(b'=')
        if not (space and equals and end <= len(data) and value.endswith(b'\n')):
            raise ArchiveError(f'the extended header at byte {at:,} is damaged')
        fields[key] = value[:-1]
        place = end
    return fields


def _header_name(header: bytes) -> bytes:
    name = header[:100].partition(b'\0')[0]
    # GNU's own format, 'ustar  ', has other fields in place of the prefix.
    if header[257:263] == b'ustar\0':
        prefix = header[345:500].partition(b'\0')[0]
        if prefix:
            return prefix + b'/' + name
    return name


def _check_end(read: Read, at: int, end: int) -> None:
    filling = read(at, min(end - at, _MAX_FILLING))
    if filling.strip(b'\0'):
        raise ArchiveError(
            f'there is more after the end-of-archive mark at byte {at:,} (several tars '
            'in one file?)'
        )


def list_tar(read: Read, start: int, end: int) -> Iterator[Member]:
    """Yields the members of a tar, folders excepted, in their order.

    Args:
      read: reads from the file.
      start, end: the part of the file that is the tar.

    Raises:
      ArchiveError: it is damaged or cut off, after the members before that.
      OSError: it cannot be read.
    """
    at = start
    name: bytes | None = None
    fields: dict[bytes, bytes] = {}
    while True:
        header = read(at, BLOCK) if at + BLOCK <= end else b''
        if len(header) < BLOCK:
            raise ArchiveError(
                f'cut off: it ends at byte {end:,} without the end-of-archive mark'
            )
        if header == _ZEROS:
            if name is not None or fields:
                raise ArchiveError(f'a long name has no member at byte {at:,}')
            _check_end(read, at, end)
            return
        _check_sum(header, at, start)
        kind = header[156:157]
        size = _number(header[124:136], 'size', at)
        offset = at + BLOCK
        if kind not in (_GNU_NAME, _GNU_LINK, _PAX, _PAX_GLOBAL):
            if b'size' in fields:
                if not fields[b'size'].isdigit():
                    raise ArchiveError(
                        f'the size in the extended header before byte {at:,} is not a '
                        'number'
                    )
                size = int(fields[b'size'])
            path = fields.get(b'path', name)
            path = _header_name(header) if path is None else path
            if kind not in _FILES and kind not in (_FOLDER, b'S', b'M'):
                # Hard links of the pax format may have content; others have none.
                size = size if kind == b'1' and fields else 0
        else:
            path = b''
        if offset + size > end:
            what = printable(path) or 'a long name'
            raise ArchiveError(
                f'cut off: {what} should end at byte {offset + size:,}, but the archive '
                f'ends at byte {end:,}'
            )
        at = offset + -(-size // BLOCK) * BLOCK
        if kind in (_GNU_NAME, _PAX):
            if size > _MAX_EXTENSION:
                raise ArchiveError(
                    f'the name at byte {offset:,} has {size:,} bytes (expected at most '
                    f'{_MAX_EXTENSION:,})'
                )
            data = read(offset, size)
            if kind == _GNU_NAME:
                name = data.partition(b'\0')[0]
            else:
                fields = _pax_fields(data, offset)
            continue
        if kind in (_GNU_LINK, _PAX_GLOBAL):
            continue
        sparse = any(key.startswith(b'GNU.sparse.') for key in fields)
        name, fields = None, {}
        if kind == _FOLDER or (kind in _FILES and path.endswith(b'/')):
            continue
        if kind in _FILES and not sparse:
            yield Member(path, offset, size, '')
        elif sparse:
            yield Member(path, offset, size, 'a sparse file')
        else:
            other = _OTHERS.get(kind, f'of the unknown type {printable(kind)!r}')
            yield Member(path, offset, size, other)
