import numpy as np
import pytest

from indexed_imagenet import IndexedDataset
from indexed_imagenet.scores.orders import (
    ORDERS,
    chance_share,
    class_share,
    natural_key,
)


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


@pytest.mark.parametrize('name', ORDERS)
def test_order_is_a_permutation_both_ways(ds, name):
    order = ds.order(name)
    everything = list(range(len(ds)))
    assert sorted(order.index_at.tolist()) == everything
    assert order.position_of[order.index_at].tolist() == everything
    in_order = ds.filenames[order.index_at]
    assert order.to_index(in_order).tolist() == ds.filenames.tolist()


def test_orders_are_those_of_their_users(ds, built):
    names = ds.filenames.tolist()
    by_class = sorted(names, key=lambda name: (name.partition('_')[0], name))
    assert ds.filenames[ds.order('torchvision').index_at].tolist() == by_class
    natural = sorted(
        names, key=lambda name: (name.partition('_')[0], int(name[10:].partition('.')[0]))
    )
    assert ds.filenames[ds.order('timm').index_at].tolist() == natural
    assert by_class != natural
    places = sorted(range(51), key=lambda index: ds._place(index)[:2])
    assert ds.order('shards').index_at.tolist() == places
    validation = IndexedDataset(built, 'validation')
    by_name = validation.filenames[validation.order('filename').index_at].tolist()
    assert by_name == sorted(validation.filenames.tolist())


def test_order_unknown_raises(ds):
    with pytest.raises(ValueError, match="order is 'keras' .expected one of published"):
        ds.order('keras')


def test_natural_key_compares_numbers_as_numbers():
    names = ['n1_10.JPEG', 'n1_9.JPEG', 'n1_100.JPEG']
    assert sorted(names, key=natural_key) == [names[1], names[0], names[2]]


def test_class_share_is_one_for_classes_and_chance_for_noise():
    random = np.random.RandomState(0)
    labels = random.randint(20, size=2000)
    assert class_share(labels * 1.0, labels) == pytest.approx(1)
    mean, deviation = chance_share(2000, 20)
    assert mean == pytest.approx(19 / 1999)
    shares = [class_share(random.randn(2000), labels) for _ in range(300)]
    assert np.mean(shares) == pytest.approx(mean, rel=0.1)
    assert np.std(shares) == pytest.approx(deviation, rel=0.2)
    assert class_share(np.ones(2000), labels) == 0
