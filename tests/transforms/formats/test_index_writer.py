"""Orders of an index of one's own, and its file read back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_index_classes,
    read_split_index,
)
from indexed_imagenet.transforms.formats.index_writer import (
    NATURAL,
    SHUFFLED,
    SORTED,
    NewIndex,
    index_file_bytes,
    natural_key,
    order_classes,
    order_files,
)

FILES = {b'cat': [b'10.png', b'2.png', b'02.png'], b'dog': [b'1.png']}


def test_order_files_sorted_is_by_class_then_bytes():
    index = order_files(FILES, [b'cat', b'dog'], 'basenames', SORTED)
    assert index.names.tolist() == [b'02.png', b'10.png', b'2.png', b'1.png']
    assert index.labels.tolist() == [0, 0, 0, 1]


def test_order_files_natural_is_by_number_ties_by_bytes():
    index = order_files(FILES, [b'cat', b'dog'], 'basenames', NATURAL)
    assert index.names.tolist() == [b'02.png', b'2.png', b'10.png', b'1.png']


def test_order_files_shuffled_depends_on_the_seed_only():
    files = {b'a': [b'%d' % i for i in range(50)]}
    first = order_files(files, [b'a'], 'paths', SHUFFLED, 1)
    again = order_files({b'a': files[b'a'][::-1]}, [b'a'], 'paths', SHUFFLED, 1)
    other = order_files(files, [b'a'], 'paths', SHUFFLED, 2)
    assert first.names.tolist() == again.names.tolist() != other.names.tolist()
    assert sorted(first.names.tolist()) == sorted(b'a/' + name for name in files[b'a'])


@given(st.lists(st.binary(max_size=12)))
def test_natural_key_orders_any_names(names):
    assert sorted(sorted(names, key=natural_key)) == sorted(names)


def test_order_classes_numbers_by_value_unless_one_is_text():
    assert order_classes([b'10', b'9', b'09']) == [b'09', b'9', b'10']
    assert order_classes([b'10', b'9', b'x']) == [b'10', b'9', b'x']


def write(path, **changes):
    split = order_files(FILES, [b'cat', b'dog'], 'paths', SORTED)
    new = NewIndex({'train': split}, [('cat', 'Cat'), ('dog', 'Dog')], 'paths', 'sorted')
    path.write_bytes(index_file_bytes(new))
    if changes:
        with np.load(path) as arrays:
            arrays = {**arrays, **changes}
        np.savez(path, **arrays)
    return str(path)


def test_read_split_index_keeps_paths(tmp_path):
    path = write(tmp_path / 'i.npz')
    index = read_split_index(path, 'train')
    assert index.names.tolist()[0] == b'cat/02.png'
    assert read_index_classes(path) == [('cat', 'Cat'), ('dog', 'Dog')]


def test_read_index_classes_published_file_has_none(golden):
    assert read_index_classes(str(golden / 'imagenet_index.npz')) is None


@pytest.mark.parametrize(
    'name', [b'/etc/passwd', b'../x.png', b'cat/..', b'cat/a/b.png', b'flat.png']
)
def test_read_split_index_name_that_is_no_path_is_refused(tmp_path, name):
    path = write(
        tmp_path / 'i.npz', tr_filenames=np.array([name, b'a/1', b'a/2', b'a/3'])
    )
    with pytest.raises(IndexFileError, match='expected class/file'):
        read_split_index(path, 'train')


def test_read_split_index_unknown_name_form_is_refused(tmp_path):
    path = write(tmp_path / 'i.npz', name_form=np.array([b'sha256']))
    with pytest.raises(IndexFileError, match='expected basenames or paths'):
        read_split_index(path, 'train')


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        ([b'cat'], 'has 1 class_names but 2 class_texts'),
        ([b'cat', b'cat'], 'duplicate name'),
        ([b'cat', b'a\tb'], 'is not printable text'),
        ([b'cat', b'\xff'], 'cannot be used'),
        ([], 'class_names'),
    ],
)
def test_read_index_classes_malformed_is_refused(tmp_path, names, message):
    path = write(tmp_path / 'i.npz', class_names=np.array(names, 'S'))
    with pytest.raises(IndexFileError, match=message):
        read_index_classes(path)
