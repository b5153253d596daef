"""Grain's protocol, and Grain itself in a run by name."""

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


def test_element_is_image_label_and_index(ds):
    source = ds.grain()
    element = source[7]
    assert len(source) == 51
    assert element.keys() == {'image', 'label', 'index'}
    assert (element['image'] == ds[7].decode()).all()
    assert (element['label'], element['index']) == (ds[7].label, 7)
    assert ds.grain(decode=False)[7]['image'] == ds[7].image


def test_getitems_returns_one_per_position(ds):
    source = ds.subset([30, 4, 9]).grain(decode=False)
    given = source._getitems([2, np.int64(0), 2])
    assert [element['index'] for element in given] == [9, 30, 9]


def test_repr_is_the_same_wherever_the_data_is(ds, built, tmp_path):
    import shutil

    moved = IndexedDataset(shutil.copytree(built, tmp_path / 'moved'))
    assert repr(moved.grain()) == repr(ds.grain())
    assert repr(ds.grain()) != repr(ds.grain(decode=False))


@pytest.mark.long
class TestRealGrain:
    @pytest.fixture
    def grain(self):
        grain = pytest.importorskip('grain', reason='Grain is not installed')
        from absl import flags

        flags.FLAGS.mark_as_parsed()  # what absl.app.run does
        return grain

    def test_source_has_grains_protocol(self, grain, ds):
        assert isinstance(ds.grain(), grain.sources.RandomAccessDataSource)

    def test_shuffle_and_batch_give_every_example_once(self, grain, ds):
        dataset = (
            grain.MapDataset.source(ds.grain(decode=False))
            .shuffle(seed=3)
            .map(lambda element: element['index'])
            .batch(8)
        )
        seen = np.concatenate(list(dataset))
        assert sorted(seen.tolist()) == list(range(51))
        assert seen.tolist() != list(range(51))

    def test_prefetching_processes_give_every_example_once(self, grain, ds):
        dataset = (
            grain.MapDataset.source(ds.grain(decode=False))
            .map(lambda element: element['index'])
            .to_iter_dataset()
            .mp_prefetch(grain.multiprocessing.MultiprocessingOptions(num_workers=2))
        )
        assert sorted(int(index) for index in dataset) == list(range(51))

    def test_checkpoint_is_restored_where_it_stopped(self, grain, ds, built):
        def make():
            source = IndexedDataset(built).grain(decode=False)
            dataset = grain.MapDataset.source(source).shuffle(seed=1)
            return iter(dataset.map(lambda e: e['index']).to_iter_dataset())

        first = make()
        head = [int(next(first)) for _ in range(20)]
        state = first.get_state()
        rest = [int(index) for index in first]
        second = make()
        second.set_state(state)
        assert [int(index) for index in second] == rest
        assert sorted(head + rest) == list(range(51))
