"""``as_tf_dataset``: the whole split, subsets, order."""

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset, MissingExampleError


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


def indices_of(dataset) -> list[int]:
    return [int(element['index']) for element in dataset]


def order_of_places(ds, indices) -> list[int]:
    return sorted(indices, key=lambda index: ds._place(index)[:2])


def test_whole_split_has_every_example_once(ds):
    elements = list(ds.as_tf_dataset().as_numpy_iterator())
    assert sorted(int(element['index']) for element in elements) == list(range(51))
    for element in elements:
        example = ds[int(element['index'])]
        assert element.keys() == {'index', 'image', 'label', 'filename'}
        assert element['label'] == example.label
        assert element['filename'].decode() == example.filename
        assert element['image'].shape == (example.height, example.width, 3)


def test_whole_split_one_read_at_a_time_is_in_the_order_of_the_shards(ds):
    dataset = ds.as_tf_dataset(decode=False, num_parallel_reads=1)
    assert indices_of(dataset) == order_of_places(ds, range(51))


@pytest.mark.parametrize('form', ['mask', 'list', 'uint8', 'subset'])
def test_subset_reads_only_what_it_contains(ds, form):
    chosen = [40, 3, 17, 3]
    if form == 'mask':
        mask = np.zeros(51, bool)
        mask[chosen] = True
        dataset = ds.as_tf_dataset(mask, decode=False)
        chosen = [3, 17, 40]
    elif form == 'subset':
        dataset = ds.subset(chosen).as_tf_dataset(decode=False)
    else:
        keys = chosen if form == 'list' else np.array(chosen, np.uint8)
        dataset = ds.as_tf_dataset(keys, decode=False)
    assert indices_of(dataset) == order_of_places(ds, chosen)
    for element in dataset.as_numpy_iterator():
        assert element['image'] == ds[int(element['index'])].image


def test_shuffle_seed_gives_the_same_order_again(ds):
    orders = [ds.as_tf_dataset(shuffle_seed=seed, decode=False) for seed in (3, 3, 4)]
    first, again, other = map(indices_of, orders)
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other) == list(range(51))


def test_incomplete_set_has_what_is_present(incomplete, absent):
    ds = IndexedDataset(incomplete)
    present = sorted(set(range(51)) - set(absent))
    assert sorted(indices_of(ds.as_tf_dataset(decode=False))) == present
    with pytest.raises(MissingExampleError):
        ds.as_tf_dataset([absent[0]])


def test_more_than_one_batch_of_reads(ds):
    chosen = np.random.RandomState(0).randint(51, size=200)
    dataset = ds.subset(chosen).as_tf_dataset(decode=False)
    assert indices_of(dataset) == order_of_places(ds, chosen.tolist())
