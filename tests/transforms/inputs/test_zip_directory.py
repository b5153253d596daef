import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.inputs import zip_directory
from indexed_imagenet.transforms.inputs.tar_headers import ArchiveError
from indexed_imagenet.transforms.inputs.zip_directory import (
    list_zip,
    packed_place,
    unpack_member,
)
from indexed_imagenet.transforms.rows import ZIP_DEFLATED

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def packed(files, method=zipfile.ZIP_DEFLATED, comment=b'', **options) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', method) as made:
        made.comment = comment
        for name, content in files:
            with made.open(name, 'w', **options) as member:
                member.write(content)
    return file.getvalue()


def listed(data: bytes):
    return list(list_zip(lambda at, length: data[at : at + length], len(data)))


def unpacked(data: bytes, member) -> bytes:
    local = data[member.offset :]
    start = packed_place(local)
    return unpack_member(
        local[start : start + member.length], member.method, member.size, member.crc
    )


def error_of(data: bytes) -> str:
    with pytest.raises(ArchiveError) as raised:
        listed(data)
    return str(raised.value)


FILES = st.lists(
    st.tuples(st.text('abcé', min_size=1, max_size=8), st.binary(max_size=3000)),
    max_size=6,
    unique_by=lambda file: file[0],
)


@given(FILES, st.sampled_from(METHODS), st.sampled_from([b'', b'PK\5\6', b'c' * 999]))
def test_list_zip_lists_what_zipfile_packed(files, method, comment):
    data = packed(files, method, comment)
    found = [(m.path.decode(), unpacked(data, m), m.other) for m in listed(data)]
    assert found == [(name, content, '') for name, content in files]


def test_list_zip_long_directory_is_read_in_pieces(monkeypatch):
    monkeypatch.setattr(zip_directory, '_PIECE', 1 << 18)
    files = [(f'n{i:08}/{i:0120}.JPEG', b'') for i in range(5000)]
    data = packed(files, zipfile.ZIP_STORED)
    assert [member.path.decode() for member in listed(data)] == [n for n, _ in files]


def test_list_zip_zip64_member_and_directory_are_read(monkeypatch):
    monkeypatch.setattr(zipfile, 'ZIP64_LIMIT', 100)
    monkeypatch.setattr(zipfile, 'ZIP_FILECOUNT_LIMIT', 1)
    files = [('a', b'a' * 300), ('b', b'b' * 200), ('c', b'c')]
    data = packed(files, zipfile.ZIP_STORED, force_zip64=True)
    assert b'PK\6\6' in data
    assert [unpacked(data, m) for m in listed(data)] == [content for _, content in files]


@given(st.data())
def test_list_zip_cut_anywhere_is_an_error(data):
    whole = packed([('a', b'a' * 600), ('b', b'bb')])
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert 'not a whole zip file' in error_of(whole[:cut])


@given(st.data())
def test_list_zip_forged_directory_raises_one_kind_of_error(data):
    whole = bytearray(packed([('a', b'a' * 600), ('b', b'bb'), ('c/d', b'')]))
    start = whole.index(b'PK\1\2')
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(start, len(whole) - 1))
        whole[place] = data.draw(st.integers(0, 255))
    try:
        members = listed(bytes(whole))
    except ArchiveError as error:
        assert str(error)
        return
    for member in members:
        try:
            content = unpacked(bytes(whole), member)
        except OSError as error:
            assert error_text(error)
        else:
            assert (len(content), zlib.crc32(content)) == (member.size, member.crc)


def test_list_zip_member_beyond_the_directory_is_an_error():
    data = bytearray(packed([('a', b'a' * 600)]))
    place = data.index(b'PK\1\2') + 42
    data[place : place + 4] = struct.pack('<L', 5000)
    assert error_of(bytes(data)).startswith('a should be at bytes 5,000 to ')


@pytest.mark.parametrize(
    ('place', 'value', 'other'),
    [
        (8, 1, 'encrypted'),
        (10, 12, 'packed with bzip2 (expected stored or deflated)'),
        (40, 0o120777, 'a symbolic link'),
    ],
)
def test_list_zip_members_that_are_not_taken_say_why(place, value, other):
    data = bytearray(packed([('a.JPEG', b'a' * 600)]))
    at = data.index(b'PK\1\2') + place
    data[at : at + 2] = struct.pack('<H', value)
    [member] = listed(bytes(data))
    assert member.other == other


def test_unpack_member_bomb_stops_at_declared_size():
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = bomb.compress(bytes(50 << 20)) + bomb.flush()
    with pytest.raises(OSError, match='more than 100 bytes'):
        unpack_member(data, ZIP_DEFLATED, 100, 0)


def test_unpack_member_wrong_crc_is_an_error():
    with pytest.raises(OSError, match='CRC-32 .* as the zip file says'):
        unpack_member(b'abc', zip_directory.ZIP_STORED, 3, 1)


def test_packed_place_without_local_header_is_an_error():
    with pytest.raises(OSError, match='no member of the zip file begins'):
        packed_place(b'x' * 100)
