"""Tests of reading untrusted npz files, most of them through ``read_split_index``."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats import safe_npz
from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_split_index,
)
from indexed_imagenet.transforms.formats.safe_npz import (
    member_keys,
    read_member,
    read_stored_arrays,
)

NAMES = [b'n01440764_10026.JPEG', b'n01440764_7.JPEG', b'n02119022_55.JPEG']
LABELS = np.array([0, 0, 277])


def read_names(path):
    return read_split_index(path, 'train').names.tolist()


def save_pickled(path, value, protocol):
    """Writes an npz whose names are an object array, pickled in a given protocol."""
    member = path.with_suffix('.npy')
    with open(member, 'wb') as file:
        header = {'descr': '|O', 'fortran_order': False, 'shape': (3,)}
        np.lib.format.write_array_header_1_0(file, header)
        pickle.dump(value, file, protocol=protocol)
    np.save(path.with_name('labels.npy'), LABELS)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.write(member, 'tr_filenames.npy')
        archive.write(path.with_name('labels.npy'), 'tr_labels.npy')
    return str(path)


@pytest.mark.parametrize('protocol', [2, 3, 4])
@pytest.mark.parametrize('kind', [bytes, bytes.decode, np.bytes_])
def test_object_array_of_any_protocol_gives_names(tmp_path, kind, protocol):
    names = np.empty(3, object)
    names[:] = [kind(name) for name in NAMES]
    path = save_pickled(tmp_path / 'i.npz', names, protocol)
    assert read_names(path) == NAMES


class Planted:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


@pytest.mark.parametrize('protocol', [0, 2, 4])
def test_pickle_that_calls_a_function_raises_and_calls_nothing(tmp_path, protocol):
    names = np.array([Planted(tmp_path / 'planted')] * 3, object)
    path = save_pickled(tmp_path / 'i.npz', names, protocol)
    with pytest.raises(IndexFileError, match='it asks for .*open'):
        read_split_index(path, 'train')
    assert not (tmp_path / 'planted').exists()


def reconstruct(state):
    """Returns an object that is pickled as an array with this state."""

    class Array:
        def __reduce__(self):
            from numpy._core.multiarray import _reconstruct

            return _reconstruct, (np.ndarray, (0,), b'b'), state

    return Array()


@pytest.mark.parametrize(
    'state',
    [
        (1, (3,), np.dtype('O'), False, b'A' * 24),
        (1, (10**15,), np.dtype('O'), False, [b'a']),
        (1, (1,), np.dtype('O'), False, [['a']]),
        ('nothing',),
    ],
    ids=['bytes for pointers', 'a huge shape', 'no names', 'no state'],
)
def test_pickled_array_with_wrong_state_raises(tmp_path, state):
    path = save_pickled(tmp_path / 'i.npz', reconstruct(state), 2)
    with pytest.raises(IndexFileError, match="'tr_filenames'"):
        read_split_index(path, 'train')


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_object_array_raises_one_line_or_gives_names(tmp_path, data):
    names = np.array(NAMES, object)
    whole = save_pickled(tmp_path / 'whole.npz', names, 2)
    with zipfile.ZipFile(whole) as archive:
        member = bytearray(archive.read('tr_filenames.npy'))
        labels = archive.read('tr_labels.npy')
    for _ in range(data.draw(st.integers(1, 4))):
        member[data.draw(st.integers(0, len(member) - 1))] = data.draw(
            st.integers(0, 255)
        )
    path = tmp_path / 'damaged.npz'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('tr_filenames.npy', bytes(member))
        archive.writestr('tr_labels.npy', labels)
    try:
        assert len(read_split_index(str(path), 'train').names) == 3
    except IndexFileError as error:
        assert '\n' not in str(error)


def archive_of(**arrays) -> zipfile.ZipFile:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return zipfile.ZipFile(file)


def test_member_keys_lists_arrays_only():
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('a.npy', b'')
        archive.writestr('README', b'')
    with zipfile.ZipFile(file) as archive:
        assert member_keys(archive) == ['a']


def test_read_member_numbers_are_returned_as_array():
    array = read_member(archive_of(a=np.arange(4, dtype=np.int16)), 'a')
    assert (array.dtype, array.tolist()) == (np.int16, [0, 1, 2, 3])


def test_read_member_objects_are_returned_as_bytes():
    names = np.array([b'a', 'b', np.bytes_(b'c')], object)
    assert read_member(archive_of(a=names), 'a').tolist() == [b'a', b'b', b'c']


def test_read_member_above_size_limit_raises(monkeypatch):
    archive = archive_of(a=np.zeros(10))
    monkeypatch.setattr(safe_npz, 'MAX_MEMBER_BYTES', 100)
    with pytest.raises(
        ValueError, match=r'unpacks to 208 bytes \(expected at most 100\)'
    ):
        read_member(archive, 'a')


def test_read_member_header_larger_than_content_raises():
    file = io.BytesIO()
    header = {'descr': '<f8', 'fortran_order': False, 'shape': (10**12,)}
    np.lib.format.write_array_header_1_0(file, header)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w') as written:
        written.writestr('a.npy', file.getvalue())
    with pytest.raises(ValueError, match='its header asks for 8000000000000 bytes of'):
        read_member(zipfile.ZipFile(archive), 'a')


def stored(save=np.savez, **arrays) -> io.BytesIO:
    file = io.BytesIO()
    save(file, **arrays)
    file.seek(0)
    return file


def test_read_stored_arrays_returns_only_the_keys():
    arrays = read_stored_arrays(stored(a=np.arange(3), b=np.zeros(2)), ['a'])
    assert {key: array.tolist() for key, array in arrays.items()} == {'a': [0, 1, 2]}


@pytest.mark.parametrize(
    ('file', 'message'),
    [
        (stored(np.savez_compressed, a=np.arange(3)), 'it is compressed'),
        (stored(b=np.arange(3)), "it has no 'a'"),
        (stored(a=np.array([{}])), 'not one that numpy writes'),
        (io.BytesIO(b'not a zip file'), 'not a zip file'),
    ],
    ids=['compressed', 'missing key', 'objects', 'text'],
)
def test_read_stored_arrays_unusable_file_raises(file, message):
    with pytest.raises(ValueError, match=message):
        read_stored_arrays(file, ['a'])
