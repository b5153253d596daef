"""Index files as people make them: names with folders, and every kind of string."""

import warnings

import numpy as np
import pytest

from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_split_index,
    read_split_scores,
)
from support.commands import ROOT

NAMES = ['n01440764_10026.JPEG', 'n01440764_7.JPEG', 'n02119022_é.JPEG']
ENCODED = [name.encode() for name in NAMES]
LABELS = np.array([0, 0, 277])


def save(path, names, **more):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # numpy's, on StringDType
        np.savez(path, tr_filenames=names, tr_labels=LABELS, **more)
    return str(path)


def objects(*items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


def big_endian_str(name):
    return np.array([name], f'>U{len(name)}')[0]


@pytest.mark.parametrize(
    'names',
    [
        objects(*map(np.str_, NAMES)),
        objects(*map(np.bytes_, ENCODED)),
        objects(NAMES[0], ENCODED[1], np.str_(NAMES[2])),
        objects(np.bytes_(ENCODED[0]), np.str_(NAMES[1]), NAMES[2]),
        objects(*map(big_endian_str, NAMES)),
        np.array(NAMES, '>U30'),
        np.array(NAMES, np.dtypes.StringDType()),
        np.array(NAMES, np.dtypes.StringDType(coerce=False)),
    ],
    ids=[
        'numpy.str_ objects',
        'numpy.bytes_ objects',
        'str, bytes and numpy.str_',
        'numpy.bytes_, numpy.str_ and str',
        'big-endian numpy.str_',
        'big-endian U',
        'StringDType',
        'StringDType(coerce=False)',
    ],
)
def test_read_split_index_any_kind_of_string_gives_its_names(tmp_path, names):
    index = read_split_index(save(tmp_path / 'i.npz', names), 'train')
    assert index.names.tolist() == ENCODED


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('kind', [str, str.encode, np.str_, np.bytes_])
def test_read_split_index_objects_of_any_protocol_give_their_names(
    tmp_path, monkeypatch, kind, protocol
):
    dump = np.lib._format_impl.pickle.dump
    monkeypatch.setattr(
        np.lib._format_impl.pickle,
        'dump',
        lambda array, file, **options: dump(array, file, protocol=protocol),
    )
    names = ENCODED if kind is np.bytes_ else NAMES
    path = save(tmp_path / 'i.npz', objects(*map(kind, names)))
    assert read_split_index(path, 'train').names.tolist() == ENCODED


@pytest.mark.parametrize('separator', ['/', '\\'])
@pytest.mark.parametrize('kind', ['S', 'U', object])
def test_read_split_index_names_with_folders_are_taken_by_their_last_part(
    tmp_path, kind, separator
):
    paths = [f'train{separator}{name[:9]}{separator}{name}' for name in NAMES]
    if kind == 'S':
        paths = [path.encode() for path in paths]
    path = save(tmp_path / 'i.npz', np.array(paths, dtype=kind))
    assert read_split_index(path, 'train').names.tolist() == ENCODED


def test_read_split_index_backslash_beside_a_slash_belongs_to_the_name(tmp_path):
    path = save(tmp_path / 'i.npz', ['a/b\\c.JPEG', 'a/d.JPEG', 'e.JPEG'])
    names = read_split_index(path, 'train').names.tolist()
    assert names == [b'b\\c.JPEG', b'd.JPEG', b'e.JPEG']


def test_read_split_index_case_with_folders_is_taken():
    path = str(ROOT / 'tests' / 'cases' / 'npz_names_with_folders.npz')
    names = read_split_index(path, 'train').names
    assert len(names) and not any(b'/' in name for name in names.tolist())


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (
            ['a/x.JPEG', 'b/x.JPEG', 'c.JPEG'],
            r"1 name in 'tr_filenames' with the same last part, first "
            r"'a/x.JPEG' and 'b/x.JPEG' \(expected file names that are unique without",
        ),
        (['a/x.JPEG', 'a/x.JPEG', 'c.JPEG'], r"1 duplicate name.*'x.JPEG'"),
        (['a/', 'b', 'c'], r"1 empty name in 'tr_filenames', first 'a/' at 0"),
        (objects(None, 'b', 'c'), 'an object in it is neither bytes nor str'),
        (objects(1, 'b', 'c'), 'an object in it is neither bytes nor str'),
        (objects(np.int64(1), 'b', 'c'), "a numpy scalar of dtype 'i8'"),
        (objects(['a'], 'b', 'c'), 'an object in it is neither bytes nor str'),
        (np.array([['a'], ['b'], ['c']], object), 'its shape is .* one dimension'),
    ],
)
def test_read_split_index_other_names_are_refused_with_the_reason(
    tmp_path, names, message
):
    path = save(tmp_path / 'i.npz', names)
    with pytest.raises(IndexFileError, match=message) as raised:
        read_split_index(path, 'train')
    assert '\n' not in str(raised.value)


@pytest.mark.parametrize(
    ('scores', 'message'),
    [
        (np.zeros(2), r'has 2 tr_mem but 3 tr_filenames \(expected equal lengths\)'),
        (np.zeros(3, int), "'tr_mem': it has dtype int64 and shape .*floating-point"),
        (np.zeros((3, 1)), r"'tr_mem': it has dtype float64 and shape \(3, 1\)"),
        (np.array(['a', 'b', 'c'], object), "'tr_mem': it has dtype .*S1"),
    ],
)
def test_read_split_scores_that_do_not_fit_are_refused(tmp_path, scores, message):
    path = save(tmp_path / 'i.npz', ENCODED, tr_mem=scores)
    with pytest.raises(IndexFileError, match=message):
        read_split_scores(path, 'train')


def test_read_split_scores_that_fit_come_as_they_are(tmp_path):
    values = np.array([0.5, np.nan, 1], np.float32)
    path = save(tmp_path / 'i.npz', ENCODED, tr_mem=values)
    np.testing.assert_array_equal(read_split_scores(path, 'train')['tr_mem'], values)
    assert read_split_scores(path, 'validation') == {}
