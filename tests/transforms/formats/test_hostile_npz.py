"""Index files that promise more than they hold cost no more than they hold."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_split_index,
    read_split_scores,
)
from indexed_imagenet.transforms.formats.safe_npz import read_stored_arrays
from support.commands import ROOT
from support.hostile_npz import NUM_NAMES, hostile_files

SMALL, LARGE = 8 << 20, 32 << 20
FILES = {size: hostile_files(size) for size in (SMALL, LARGE)}


def peak_of_refusal(path) -> int:
    """Returns the bytes that were allocated at most while a file was refused."""
    tracemalloc.start()
    try:
        with pytest.raises(IndexFileError) as raised:
            read_split_index(str(path), 'train')
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = str(raised.value)
    assert str(path) in message
    assert message.isprintable() and len(message) < len(str(path)) + 400
    return peak


@pytest.mark.parametrize('name', FILES[SMALL])
def test_read_split_index_hostile_file_memory_does_not_grow_with_its_claim(
    tmp_path, name
):
    peaks = {}
    for size, files in FILES.items():
        path = tmp_path / f'{size}.npz'
        path.write_bytes(files[name])
        peaks[size] = peak_of_refusal(path)
    # What really is in the file is read: an eighth of the claim, or less, twice.
    assert peaks[LARGE] - peaks[SMALL] < (LARGE - SMALL) / 2


def test_read_split_index_memo_of_2_gb_is_refused_at_a_few_kb():
    path = ROOT / 'tests' / 'cases' / 'npz_pickle_long_binput.npz'
    assert peak_of_refusal(path) < 1 << 20


def npz_bytes(names, save):
    out = io.BytesIO()
    save(
        out,
        tr_filenames=names,
        tr_labels=np.zeros(len(names), np.int16),
        tr_mem=np.zeros(len(names), np.float32),
    )
    return out.getvalue()


NAMES = ['n01440764_10026.JPEG', 'train/n01440764_é.JPEG', 'n02119022_55.JPEG']


def objects(kind):
    array = np.empty(len(NAMES), object)
    array[:] = [kind(name) for name in NAMES]
    return array


WHOLE = [
    npz_bytes(names, save)
    for save in (np.savez, np.savez_compressed)
    for names in (np.array(NAMES), objects(str), objects(str.encode), objects(np.str_))
]


@st.composite
def damaged_npz(draw):
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content) - 1))
        match draw(st.sampled_from(['set', 'insert', 'delete', 'cut', 'repeat'])):
            case 'set':
                content[at] = draw(st.integers(0, 255))
            case 'insert':
                content[at:at] = draw(st.binary(max_size=9))
            case 'delete':
                del content[at : at + draw(st.integers(1, 9))]
            case 'cut' if at:
                del content[at:]
            case 'repeat':
                content[at:at] = content[at : at + 40]
        if not content:
            break
    return bytes(content)


@st.composite
def damaged_member(draw):
    """An archive that is whole, with a member that is not: it has a right checksum."""
    with zipfile.ZipFile(io.BytesIO(draw(st.sampled_from(WHOLE)))) as whole:
        members = {name: bytearray(whole.read(name)) for name in whole.namelist()}
    content = members[draw(st.sampled_from(sorted(members)))]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content) - 1))
        content[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as archive:
        for name, data in members.items():
            archive.writestr(name, bytes(data))
    return out.getvalue()


def test_damaged_name_of_a_member_is_not_quoted_as_a_whole(tmp_path):
    content = bytearray(WHOLE[0])
    content[26:28] = (600).to_bytes(2, 'little')  # the length of the first member's name
    path = tmp_path / 'i.npz'
    path.write_bytes(content)
    with pytest.raises(IndexFileError) as raised:
        read_split_index(str(path), 'train')
    assert len(str(raised.value)) < len(str(path)) + 600


@given(st.one_of(damaged_npz(), damaged_member()))
@settings(max_examples=400)
def test_damaged_npz_is_an_error_of_one_line_or_an_index(tmp_path_factory, content):
    path = tmp_path_factory.mktemp('damaged') / 'i.npz'
    path.write_bytes(content)
    for read in (read_split_index, read_split_scores):
        try:
            read(str(path), 'train')
        except IndexFileError as error:
            assert str(error).isprintable()
            assert len(str(error)) < len(str(path)) + 600
    try:
        read_stored_arrays(io.BytesIO(content), ['tr_labels', 'tr_mem'])
    except (ValueError, OSError) as error:
        assert str(error)


def test_read_stored_arrays_shape_beyond_the_member_is_refused_before_allocation():
    content = FILES[LARGE]['shape']
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.read('tr_filenames.npy')
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as archive:
        archive.writestr('array.npy', names)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match='its header asks for'):
            read_stored_arrays(out, ['array'])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < SMALL


def test_hostile_files_one_long_name_among_short_ones_names_the_width(tmp_path):
    path = tmp_path / 'i.npz'
    path.write_bytes(hostile_files(100 << 20)['one long name'])
    with pytest.raises(IndexFileError, match=f'longest of its {NUM_NAMES} names has'):
        read_split_index(str(path), 'train')
