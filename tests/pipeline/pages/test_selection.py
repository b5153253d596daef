import numpy as np
import pytest

from indexed_imagenet import IndexedDataset
from indexed_imagenet.errors import MissingExampleError, UserError
from indexed_imagenet.pages.columns import Columns
from indexed_imagenet.pages.selection import Selection, describe, select


@pytest.fixture(scope='module')
def columns(built):
    return Columns(IndexedDataset(built))


@pytest.fixture(scope='module')
def tr_mem(columns):
    return columns.score('tr_mem')


def chosen(columns, **fields):
    return select(columns, Selection(**fields)).tolist()


def test_select_nothing_asked_is_everything(columns):
    assert chosen(columns) == list(range(51))


def test_select_index_keeps_order_once(columns):
    assert chosen(columns, index=[7, 3, 7]) == [7, 3]


def test_select_index_outside_is_refused(columns):
    with pytest.raises(IndexError, match='index 51 is not in the train index'):
        chosen(columns, index=[51])


def test_select_top_and_lowest(columns, tr_mem):
    order = np.argsort(-tr_mem, kind='stable')
    assert chosen(columns, top='tr_mem', count=5) == order[:5].tolist()
    assert chosen(columns, top='tr_mem', lowest=True, count=1) == [int(tr_mem.argmin())]


def test_select_top_of_ties_takes_the_first_by_index(columns, tmp_path):
    path = tmp_path / 'ties.npz'
    columns.dataset.save_scores(path, same=np.ones(51))
    assert chosen(Columns(columns.dataset, [str(path)]), top='same', count=3) == [0, 1, 2]


def test_select_around_is_nearest_first(columns, tr_mem):
    order = np.argsort(np.abs(tr_mem - 0.5), kind='stable')
    assert chosen(columns, around=('tr_mem', 0.5), count=4) == order[:4].tolist()


def test_select_random_repeats_by_seed(columns):
    one = chosen(columns, random=10, seed=1)
    assert one == chosen(columns, random=10, seed=1)
    assert one != chosen(columns, random=10, seed=2)
    assert len(set(one)) == 10


def test_select_random_of_fewer_is_all(columns):
    assert sorted(chosen(columns, random=1000)) == list(range(51))


def test_select_conditions_hold_together(columns, tr_mem):
    dataset = columns.dataset
    label = int(dataset.labels[0])
    synset = dataset.classes[label].synset
    found = chosen(columns, classes=[synset], where='tr_mem > 0.3')
    assert found == np.flatnonzero((dataset.labels == label) & (tr_mem > 0.3)).tolist()
    assert chosen(columns, classes=[str(label)], where='tr_mem > 0.3') == found


def test_select_class_by_word(columns):
    dataset = columns.dataset
    word = dataset.classes[int(dataset.labels[0])].text.split(',')[0].upper()
    assert 0 in chosen(columns, classes=[word])


def test_select_converted(columns):
    assert chosen(columns, converted=True) == columns.dataset.converted.tolist()
    assert chosen(columns, converted=True)


def test_select_of_an_incomplete_set_leaves_absent_ones_out(incomplete, absent):
    columns = Columns(IndexedDataset(incomplete))
    assert not set(absent) & set(chosen(columns, top='tr_mem'))
    with pytest.raises(MissingExampleError):
        chosen(columns, index=absent)


@pytest.mark.parametrize(
    'fields, why',
    [
        ({'classes': ['n0']}, "--class 'n0' is not a class"),
        ({'classes': ['goldfsh']}, 'did you mean goldfish'),
        ({'top': 'el2n'}, r"'el2n' is not a column of scores .they are: tr_mem."),
        ({'where': 'tr_mem > 2'}, 'no example fits'),
    ],
)
def test_select_wrong_flags_are_refused_with_the_reason(columns, fields, why):
    with pytest.raises(UserError, match=why):
        chosen(columns, **fields)


def test_columns_of_two_tables_with_one_name_are_refused(columns, tmp_path):
    path = tmp_path / 'other.npz'
    columns.dataset.save_scores(path, tr_mem=np.zeros(51))
    with pytest.raises(UserError, match="a column 'tr_mem', which exists already"):
        Columns(columns.dataset, [str(path)])


def test_describe_names_what_was_asked_for():
    selection = Selection(classes=['pizza'], where='tr_mem > 0.5', top='tr_mem')
    assert describe(selection, 'train') == 'pizza · tr_mem > 0.5 · highest tr_mem · train'
    assert describe(Selection(), 'validation') == 'all examples · validation'
