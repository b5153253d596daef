import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_split_index,
)

NAMES = [b'n01440764_10026.JPEG', b'n01440764_7.JPEG', b'n02119022_55.JPEG']
LABELS = np.array([0, 0, 277])


def save(path, names, labels=LABELS, **more):
    np.savez(path, tr_filenames=names, tr_labels=labels, **more)
    return str(path)


def save_pickled(path, value, protocol):
    """An npz whose names are an object array, pickled in a given protocol."""
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


@pytest.mark.parametrize(
    'names',
    [
        np.array(NAMES),
        np.array([name.decode() for name in NAMES]),
        np.array(NAMES, object),
        np.array([name.decode() for name in NAMES], object),
        np.array([np.bytes_(name) for name in NAMES], object),
    ],
    ids=['S', 'U', 'bytes objects', 'str objects', 'numpy.bytes_ objects'],
)
def test_reads_names_of_every_published_form(tmp_path, names):
    index = read_split_index(save(tmp_path / 'i.npz', names), 'train')
    assert index.names.dtype.kind == 'S'
    assert index.names.tolist() == NAMES
    assert index.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize('protocol', [2, 3, 4])
@pytest.mark.parametrize('kind', [bytes, bytes.decode, np.bytes_])
def test_reads_object_arrays_of_every_protocol(tmp_path, kind, protocol):
    names = np.empty(3, object)
    names[:] = [kind(name) for name in NAMES]
    path = save_pickled(tmp_path / 'i.npz', names, protocol)
    assert read_split_index(path, 'train').names.tolist() == NAMES


class Planted:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


@pytest.mark.parametrize('protocol', [0, 2, 4])
def test_runs_nothing_that_a_strangers_file_asks_for(tmp_path, protocol):
    names = np.array([Planted(tmp_path / 'planted')] * 3, object)
    path = save_pickled(tmp_path / 'i.npz', names, protocol)
    with pytest.raises(IndexFileError, match='it asks for .*open'):
        read_split_index(path, 'train')
    assert not (tmp_path / 'planted').exists()


def reconstruct(state):
    """A pickle of an array with a state of our choosing."""

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
def test_no_array_is_made_of_a_strangers_state(tmp_path, state):
    path = save_pickled(tmp_path / 'i.npz', reconstruct(state), 2)
    with pytest.raises(IndexFileError, match="'tr_filenames'"):
        read_split_index(path, 'train')


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_object_array_is_an_error_or_names(tmp_path, data):
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


def test_both_golden_forms_are_the_same_index(golden):
    for split in ('train', 'validation'):
        plain = read_split_index(str(golden / 'imagenet_index.npz'), split)
        objects = read_split_index(str(golden / 'imagenet_index_object.npz'), split)
        assert plain.names.tolist() == objects.names.tolist()
        assert plain.labels.tolist() == objects.labels.tolist()


def test_memorization_values_are_not_needed_and_not_in_the_way(tmp_path):
    path = save(tmp_path / 'i.npz', np.array(NAMES), tr_mem=np.zeros(3))
    assert len(read_split_index(path, 'train').names) == 3


@pytest.mark.parametrize(
    ('names', 'labels', 'message'),
    [
        (NAMES[:2], LABELS, '2 tr_filenames but 3 tr_labels'),
        ([NAMES[0], NAMES[1], NAMES[0]], LABELS, "duplicate.*'n01440764_10026.JPEG'"),
        (np.empty(0, 'S4'), np.empty(0, int), "'tr_filenames' is empty"),
        (NAMES, [0.5, 1, 2], "'tr_labels'.*integers"),
        (NAMES, [0, -1, 2], "'tr_labels'.*outside 0"),
        ([1, 2, 3], LABELS, "'tr_filenames'.*expected file names"),
        ([[b'a'], [b'b']], LABELS, "'tr_filenames'.*one dimension"),
        (NAMES, NAMES, "'tr_labels'.*integers"),
    ],
)
def test_says_what_is_wrong_with_its_content(tmp_path, names, labels, message):
    path = save(tmp_path / 'i.npz', np.array(names), np.array(labels))
    with pytest.raises(IndexFileError, match=message):
        read_split_index(path, 'train')


def test_says_what_is_wrong_with_the_file(tmp_path):
    no_npz = tmp_path / 'no.npz'
    no_npz.write_bytes(b'not a zip file')
    cut = tmp_path / 'cut.npz'
    whole = tmp_path / 'whole.npz'
    save(whole, np.array(NAMES))
    cut.write_bytes(whole.read_bytes()[:-40])
    for path, split, message in (
        (tmp_path / 'none.npz', 'train', 'does not exist'),
        (no_npz, 'train', 'is not an npz file'),
        (cut, 'train', 'is not an npz file'),
        (tmp_path, 'train', 'cannot be read: Is a directory'),
        (whole, 'validation', "no 'tt_filenames'.*it holds tr_filenames, tr_labels"),
    ):
        with pytest.raises(IndexFileError, match=message) as raised:
            read_split_index(str(path), split)
        assert str(path) in str(raised.value)
        assert '\n' not in str(raised.value)
