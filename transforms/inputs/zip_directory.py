"""Lists the members of a zip file from its directory, and unpacks one of them.

The format is PKWARE's APPNOTE.TXT (sections 4.3 and 4.5.3), ZIP64 included:
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT. Python's zipfile keeps half
a kilobyte per member; Kaggle's archive has two million.
"""

import errno
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from indexed_imagenet.text import printable
from indexed_imagenet.transforms.inputs.tar_headers import ArchiveError, Read
from indexed_imagenet.transforms.rows import ZIP_DEFLATED, ZIP_STORED

_END = struct.Struct('<4s4H2LH')
_END_64 = struct.Struct('<4sQ2H2L4Q')
_LOCATOR_64 = struct.Struct('<4sLQL')
_ENTRY = struct.Struct('<4s6H3L5H2L')
_LOCAL = struct.Struct('<4s5H3L2H')

_MAX_COMMENT = 65_535
_PIECE = 4 << 20

_METHODS = {0: ZIP_STORED, 8: ZIP_DEFLATED}
_NAMES_OF_METHODS = {9: 'Deflate64', 12: 'bzip2', 14: 'LZMA', 93: 'Zstandard', 95: 'XZ'}
_ENCRYPTED = 1
_LINK = 0o120000

# A local header's name and extra field are mostly shorter than this, in bytes.
LOCAL_ROOM = 512


class ZipMember(NamedTuple):
    """One member of a zip file. Made by the million.

    Attributes:
      path: as in the directory.
      offset: of its local header, in bytes.
      length: packed, in bytes.
      other: what is wrong with it; else ''.
      method: ``ZIP_STORED`` or ``ZIP_DEFLATED``.
      size: unpacked, in bytes.
      crc: CRC-32 of the unpacked bytes.
    """

    path: bytes
    offset: int
    length: int
    other: str
    method: int
    size: int
    crc: int


class _Directory(NamedTuple):
    offset: int
    size: int
    members: int


def _find_directory(read: Read, file_size: int) -> _Directory:
    start = max(0, file_size - _END.size - _MAX_COMMENT)
    tail = read(start, file_size - start)
    place = tail.rfind(b'PK\5\6')
    while place >= 0:  # a comment may hold those four bytes as well
        if len(tail) - place >= _END.size:
            fields = _END.unpack_from(tail, place)
            if place + _END.size + fields[7] == len(tail):
                break
        place = tail.rfind(b'PK\5\6', 0, place)
    if place < 0:
        raise ArchiveError(
            f'not a whole zip file: no directory at its end, byte {file_size:,} (cut '
            'off?)'
        )
    _, disk, first_disk, _, members, size, offset, _ = fields
    at = start + place
    if members == 0xFFFF or size == 0xFFFFFFFF or offset == 0xFFFFFFFF:
        locator = read(at - _LOCATOR_64.size, _LOCATOR_64.size)
        if locator[:4] == b'PK\6\7' and len(locator) == _LOCATOR_64.size:
            _, _, at, _ = _LOCATOR_64.unpack(locator)
            end = read(at, _END_64.size) if at < file_size else b''
            if len(end) < _END_64.size or end[:4] != b'PK\6\6':
                raise ArchiveError(
                    f'no ZIP64 directory at byte {at:,}, where it should be'
                )
            _, _, _, _, disk, first_disk, _, members, size, offset = _END_64.unpack(end)
    if disk or first_disk:
        raise ArchiveError('one of several volumes (expected a zip file of one)')
    if offset + size > at or members * _ENTRY.size > size:
        raise ArchiveError(
            f'its directory of {members:,} members and {size:,} bytes at byte '
            f'{offset:,} does not fit before byte {at:,}'
        )
    return _Directory(offset, size, members)


def _zip64(extra: bytes, values: list[int], at: int) -> list[int]:
    """Replaces the values that are too large for 32 bits: size, length and offset."""
    if 0xFFFFFFFF not in values:
        return values
    place = 0
    while place + 4 <= len(extra):
        tag, length = struct.unpack_from('<HH', extra, place)
        field = extra[place + 4 : place + 4 + length]
        place += 4 + length
        if tag != 1:
            continue
        large = [struct.unpack_from('<Q', field, i)[0] for i in range(0, length - 7, 8)]
        if len(field) < length or len(large) < values.count(0xFFFFFFFF):
            break
        numbers = iter(large)
        return [next(numbers) if v == 0xFFFFFFFF else v for v in values]
    raise ArchiveError(f'the entry at byte {at:,} lacks its ZIP64 sizes')


def _fault(flags: int, method: int, mode: int) -> str:
    if flags & _ENCRYPTED:
        return 'encrypted'
    if method not in _METHODS:
        name = _NAMES_OF_METHODS.get(method, f'method {method}')
        return f'packed with {name} (expected stored or deflated)'
    if mode & 0o170000 == _LINK:
        return 'a symbolic link'
    return ''


def list_zip(read: Read, file_size: int) -> Iterator[ZipMember]:
    """Yields the members of a zip file, folders excepted, in the directory's order.

    Args:
      read: reads from the file.
      file_size: in bytes.

    Raises:
      ArchiveError: the file or its directory is damaged or cut off.
      OSError: it cannot be read.
    """
    directory = _find_directory(read, file_size)
    at, end = directory.offset, directory.offset + directory.size
    data, base = b'', at
    for number in range(directory.members):
        room = at - base
        if len(data) - room < 1 << 18 and base + len(data) < end:
            data = data[room:]
            more = read(at + len(data), min(_PIECE, end - at - len(data)))
            if not more:
                raise ArchiveError(f'cut off within its directory at byte {at:,}')
            data, base, room = data + more, at, 0
        if len(data) - room < _ENTRY.size or data[room : room + 4] != b'PK\1\2':
            raise ArchiveError(
                f'its directory is damaged at byte {at:,} (entry {number + 1:,} of '
                f'{directory.members:,})'
            )
        entry = _ENTRY.unpack_from(data, room)
        _, made_by, _, flags, method, _, _, crc, length, size = entry[:10]
        name_length, extra_length, comment_length = entry[10:13]
        mode, offset = entry[15] >> 16, entry[16]
        start = room + _ENTRY.size
        stop = start + name_length + extra_length
        if base + stop + comment_length > end:
            raise ArchiveError(f'its directory is damaged at byte {at:,}')
        path = data[start : start + name_length]
        extra = data[start + name_length : stop]
        size, length, offset = _zip64(extra, [size, length, offset], at)
        if offset + _LOCAL.size + length > directory.offset:
            raise ArchiveError(
                f'{printable(path)} should be at bytes {offset:,} to '
                f'{offset + _LOCAL.size + length:,}, but the members end at byte '
                f'{directory.offset:,}'
            )
        at += _ENTRY.size + name_length + extra_length + comment_length
        if path.endswith((b'/', b'\\')):
            continue
        unix = made_by >> 8 in (3, 19)  # Unix and macOS
        other = _fault(flags, method, mode if unix else 0)
        if not other and method == 0 and size != length:
            other = f'stored in {length:,} bytes, but {size:,} unpacked'
        packed = _METHODS.get(method, ZIP_STORED)
        yield ZipMember(path, offset, length, other, packed, size, crc)
    if at != end:
        raise ArchiveError(
            f'its directory has {end - at:,} bytes more than its '
            f'{directory.members:,} members'
        )


def packed_place(local: bytes) -> int:
    """Returns where a member's packed bytes begin, counted from its local header.

    Args:
      local: what is read from the local header on.

    Raises:
      OSError: it is not a local header.
    """
    if len(local) < _LOCAL.size or local[:4] != b'PK\3\4':
        raise OSError(errno.EINVAL, 'no member of the zip file begins where it should')
    *_, name_length, extra_length = _LOCAL.unpack_from(local)
    return int(_LOCAL.size + name_length + extra_length)


def unpack_member(packed: bytes, method: int, size: int, crc: int) -> bytes:
    """Unpacks a member, never to more than its declared size.

    Args:
      packed: its packed bytes.
      method: ``ZIP_STORED`` or ``ZIP_DEFLATED``.
      size: what it unpacks to, in bytes.
      crc: CRC-32 of that.

    Raises:
      OSError: it is damaged, or its size is another one.
    """
    data = packed
    if method == ZIP_DEFLATED:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = unpacker.decompress(packed, size + 1)
        except zlib.error as error:
            reason = f'its packed bytes are damaged ({error})'
            raise OSError(errno.EINVAL, reason) from None
    if len(data) != size:
        found = f'more than {size:,}' if len(data) > size else f'{len(data):,}'
        reason = f'it unpacks to {found} bytes (expected {size:,}, as the zip file says)'
        raise OSError(errno.EINVAL, reason)
    if zlib.crc32(data) != crc:
        reason = (
            f'CRC-32 {zlib.crc32(data):08x} (expected {crc:08x}, as the zip file says)'
        )
        raise OSError(errno.EINVAL, reason)
    return data
