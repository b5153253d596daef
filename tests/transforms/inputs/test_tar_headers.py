import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.inputs.tar_headers import ArchiveError, list_tar

FORMATS = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT)
LONG = 'long/' + 'é' * 120 + '/x.JPEG'


def packed(members, format=tarfile.GNU_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w', format=format) as tar:
        for member, data in members:
            if isinstance(member, str):
                member = tarfile.TarInfo(member)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def listed(data: bytes, start=0, end=None):
    return list(
        list_tar(
            lambda at, length: data[at : at + length],
            start,
            len(data) if end is None else end,
        )
    )


def error_of(data: bytes) -> str:
    with pytest.raises(ArchiveError) as raised:
        listed(data)
    return str(raised.value)


NAMES = st.lists(
    st.text(st.characters(codec='utf-8', exclude_characters='\0/'), min_size=1).filter(
        lambda name: name not in ('.', '..')
    ),
    min_size=1,
    max_size=3,
).map('/'.join)


@given(
    st.lists(st.tuples(NAMES, st.binary(max_size=1200)), max_size=6),
    st.sampled_from(FORMATS[:2]),
    st.integers(0, 3),
)
def test_list_tar_lists_what_tarfile_packed(files, format, shift):
    data = bytes(shift * 512) + packed(files, format)
    found = listed(data, shift * 512)
    assert [
        (member.path.decode(), data[member.offset :][: member.length]) for member in found
    ] == files
    assert not any(member.other for member in found)


@pytest.mark.parametrize('format', FORMATS)
def test_list_tar_long_names_of_each_format(format):
    name = 'a' * 90 + '/' + 'b' * 90 if format == tarfile.USTAR_FORMAT else LONG
    [member] = listed(packed([(name, b'x')], format))
    assert member.path.decode() == name


def test_list_tar_size_in_base_256_is_read():
    data = bytearray(packed([('a', b'x' * 700)]))
    data[124:136] = b'\x80' + (700).to_bytes(11, 'big')
    data[148:156] = b' ' * 8
    data[148:156] = b'%06o\0 ' % sum(data[:512])
    [member] = listed(bytes(data))
    assert member.length == 700


FILES = [('n1/a.JPEG', b'a' * 600), (LONG, b'b' * 10), ('c', b'')]


@given(st.data())
def test_list_tar_cut_anywhere_is_an_error(data):
    format = data.draw(st.sampled_from(FORMATS[:2]))
    whole = packed(FILES, format)
    last = len(whole.rstrip(b'\0'))
    # Headers end in zeros; the first whole block of zeros behind them is the mark.
    mark = -(-last // 512) * 512 + 512
    cut = data.draw(st.integers(0, mark - 1))
    assert error_of(whole[:cut]).startswith(('cut off: ', 'not a tar'))
    assert len(listed(whole[:mark])) == 3


@given(st.integers(0, 511), st.integers(1, 255), st.sampled_from([0, 1536]))
def test_list_tar_damaged_header_is_an_error_that_says_where(place, change, at):
    data = bytearray(packed([('a', b'x' * 700), ('b', b'y')]))
    data[at + place] ^= change
    try:
        found = listed(bytes(data))
    except ArchiveError as error:
        assert f'byte {at:,}' in str(error)
    else:  # only the checksum's own padding may change without harm
        assert 148 <= place < 156
        assert [member.path for member in found] == [b'a', b'b']


@given(st.binary(max_size=3000))
def test_list_tar_of_anything_else_is_an_error(data):
    try:
        assert listed(data) == []
    except ArchiveError:
        return
    assert not data.strip(b'\0')


@given(st.data())
def test_list_tar_damaged_extension_raises_nothing_else(data):
    whole = bytearray(packed(FILES, tarfile.PAX_FORMAT))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        listed(bytes(whole))
    except ArchiveError as error:
        assert str(error)


def test_list_tar_several_tars_in_one_file_are_an_error():
    one = packed([('a', b'x')])
    assert error_of(one + one) == (
        'there is more after the end-of-archive mark at byte 1,024 (several tars in one '
        'file?)'
    )


@pytest.mark.parametrize(
    ('type', 'other'),
    [
        (tarfile.SYMTYPE, 'a symbolic link'),
        (tarfile.LNKTYPE, 'a hard link'),
        (tarfile.CHRTYPE, 'a device'),
        (tarfile.FIFOTYPE, 'a pipe'),
        (tarfile.GNUTYPE_SPARSE, 'a sparse file'),
        (b'Z', "of the unknown type 'Z'"),
    ],
)
def test_list_tar_members_that_are_not_files_say_what_they_are(type, other):
    member = tarfile.TarInfo('a.JPEG')
    member.type = type
    found = listed(packed([(member, b''), ('b', b'1')]))
    assert [(m.path, m.other) for m in found] == [(b'a.JPEG', other), (b'b', '')]


def test_list_tar_sparse_file_of_pax_is_recognised():
    member = tarfile.TarInfo('a.JPEG')
    member.pax_headers = {'GNU.sparse.major': '1', 'GNU.sparse.name': 'a.JPEG'}
    [found] = listed(packed([(member, b'1')], tarfile.PAX_FORMAT))
    assert found.other == 'a sparse file'


def test_list_tar_folders_are_left_out():
    member = tarfile.TarInfo('n1')
    member.type = tarfile.DIRTYPE
    assert [m.path for m in listed(packed([(member, b''), ('n1/b', b'1')]))] == [b'n1/b']
