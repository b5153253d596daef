import numpy as np
import pytest

from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_split_index,
    read_split_scores,
)

NAMES = [b'n01440764_10026.JPEG', b'n01440764_7.JPEG', b'n02119022_55.JPEG']
LABELS = np.array([0, 0, 277])


def save(path, names, labels=LABELS, **more):
    np.savez(path, tr_filenames=names, tr_labels=labels, **more)
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
def test_read_split_index_every_published_dtype_gives_same_names(tmp_path, names):
    index = read_split_index(save(tmp_path / 'i.npz', names), 'train')
    assert index.names.dtype.kind == 'S'
    assert index.names.tolist() == NAMES
    assert index.labels.tolist() == LABELS.tolist()


def test_read_split_index_both_golden_files_give_same_index(golden):
    for split in ('train', 'validation'):
        plain = read_split_index(str(golden / 'imagenet_index.npz'), split)
        objects = read_split_index(str(golden / 'imagenet_index_object.npz'), split)
        assert plain.names.tolist() == objects.names.tolist()
        assert plain.labels.tolist() == objects.labels.tolist()


def test_read_split_index_other_arrays_are_ignored(tmp_path):
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
def test_read_split_index_wrong_content_raises_with_reason(
    tmp_path, names, labels, message
):
    path = save(tmp_path / 'i.npz', np.array(names), np.array(labels))
    with pytest.raises(IndexFileError, match=message):
        read_split_index(path, 'train')


def test_read_split_index_unreadable_file_raises_with_path(tmp_path):
    text_file = tmp_path / 'no.npz'
    text_file.write_bytes(b'not a zip file')
    cut = tmp_path / 'cut.npz'
    whole = tmp_path / 'whole.npz'
    save(whole, np.array(NAMES))
    cut.write_bytes(whole.read_bytes()[:-40])
    for path, split, message in (
        (tmp_path / 'none.npz', 'train', 'does not exist'),
        (text_file, 'train', 'is not an npz file'),
        (cut, 'train', 'is not an npz file'),
        (tmp_path, 'train', 'cannot be read: Is a directory'),
        (whole, 'validation', "no 'tt_filenames'.*it holds tr_filenames, tr_labels"),
    ):
        with pytest.raises(IndexFileError, match=message) as raised:
            read_split_index(str(path), split)
        assert str(path) in str(raised.value)
        assert '\n' not in str(raised.value)


def test_read_split_scores_train_returns_memorization_values(tmp_path):
    values = np.array([0.5, 0, 1], np.float32)
    path = save(tmp_path / 'i.npz', np.array(NAMES), tr_mem=values)
    scores = read_split_scores(path, 'train')
    assert list(scores) == ['tr_mem']
    assert scores['tr_mem'].dtype == np.float32
    assert scores['tr_mem'].tolist() == [0.5, 0, 1]


def test_read_split_scores_absent_values_are_empty(tmp_path):
    path = save(tmp_path / 'i.npz', np.array(NAMES))
    assert read_split_scores(path, 'train') == {}


def test_read_split_scores_validation_is_empty(golden):
    assert read_split_scores(str(golden / 'imagenet_index.npz'), 'validation') == {}


@pytest.mark.parametrize(
    'values',
    [
        np.arange(3),
        np.zeros((3, 1)),
        np.array([b'a', b'b', b'c']),
        np.array(['a'], object),
    ],
    ids=['integers', 'two dimensions', 'bytes', 'objects'],
)
def test_read_split_scores_not_floats_in_one_dimension_raises(tmp_path, values):
    path = save(tmp_path / 'i.npz', np.array(NAMES), tr_mem=values)
    with pytest.raises(IndexFileError, match="'tr_mem'.*floating-point") as raised:
        read_split_scores(path, 'train')
    assert '\n' not in str(raised.value)


def test_read_split_scores_missing_file_raises_with_path(tmp_path):
    path = str(tmp_path / 'none.npz')
    with pytest.raises(IndexFileError, match='does not exist') as raised:
        read_split_scores(path, 'train')
    assert path in str(raised.value)
