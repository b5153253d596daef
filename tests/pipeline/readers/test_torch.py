"""The protocol that PyTorch's DataLoader uses, without PyTorch; real PyTorch below."""

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset, MissingExampleError


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


def fetch(dataset, batch):
    """Fetches as ``torch.utils.data._utils.fetch._MapDatasetFetcher`` does."""
    if getattr(dataset, '__getitems__', None):
        return dataset.__getitems__(batch)
    return [dataset[i] for i in batch]


def test_sample_is_image_and_label_with_the_label_last(ds):
    data = ds.torch()
    image, label = data[7]
    assert len(data) == 51
    assert label == ds[7].label
    assert image.mode == 'RGB'
    assert (np.asarray(image) == ds[7].decode()).all()


def test_returns_chooses_parts_in_order(ds):
    data = ds.torch(returns=('image', 'index', 'filename', 'label'), decode=False)
    example = ds[7]
    assert data[7] == (example.image, 7, example.filename, example.label)
    assert ds.torch(returns='label')[7] == example.label
    assert ds.torch(returns=('index',))[7] == 7


@pytest.mark.parametrize('returns', [(), ('image', 'x'), 'x'])
def test_returns_unknown_part_raises(ds, returns):
    with pytest.raises(ValueError, match='expected some of image, index, filename, la'):
        ds.torch(returns=returns)


def test_transforms_are_applied_to_image_and_label(ds):
    data = ds.torch(
        transform=lambda image: image.size, target_transform=lambda label: -label
    )
    example = ds[7]
    assert data[7] == ((example.width, example.height), -example.label)
    data.transform = None
    assert data[7][0].size == (example.width, example.height)


@pytest.mark.parametrize('batch', [[3, 1, 3], [np.int64(3)], [], np.array([4, 2])])
def test_fetching_a_batch_returns_a_sample_per_position(ds, batch):
    data = ds.torch(returns=('index', 'label'))
    expected = [(int(i), ds[int(i)].label) for i in batch]
    assert fetch(data, batch) == expected


def test_attributes_are_those_of_torchvisions_imagenet(ds, names):
    data = ds.torch()
    assert len(data.classes) == len(data.wnids) == 1000
    example = ds[7]
    assert data.wnids[example.label] == example.synset
    assert data.wnid_to_idx[example.synset] == example.label
    assert data.classes[example.label] == tuple(example.text.split(', '))
    assert data.class_to_idx[data.classes[example.label][0]] == example.label
    assert data.targets.tolist() == ds.labels.tolist()
    assert data.samples == list(zip(names, ds.labels.tolist(), strict=True))
    assert data.imgs == data.samples
    assert (data.transform, data.target_transform) == (None, None)


def test_targets_set_are_what_samples_have(ds):
    data = ds.torch(returns=('index', 'label'))
    data.targets = list(range(100, 151))
    assert data[3] == (3, 103)
    assert data.targets[3] == 103
    assert data.samples[3][1] == 103
    with pytest.raises(ValueError, match=r'3 targets \(expected 51\)'):
        data.targets = [1, 2, 3]


def test_subset_samples_by_position_and_carries_indices(ds):
    data = ds.subset([30, 4, 9]).torch(returns=('index', 'label'))
    assert len(data) == 3
    assert [data[i][0] for i in range(3)] == [30, 4, 9]
    assert data.indices.tolist() == [30, 4, 9]
    assert data.targets.tolist() == ds.labels[[30, 4, 9]].tolist()
    data.targets = [7, 8, 9]
    assert data[1] == (4, 8)


def test_incomplete_set_raises_when_made_and_names_the_way_out(incomplete):
    ds = IndexedDataset(incomplete)
    for make in (ds.torch, ds.grain):
        with pytest.raises(MissingExampleError, match=r'ds\.subset\(ds\.indices\)'):
            make()
    assert len(ds.subset(ds.indices).torch()) == 48


@pytest.mark.long
class TestRealTorch:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip('torch', reason='PyTorch is not installed')

    @pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
    def test_data_loader_with_workers_gives_every_example_once(self, torch, ds, method):
        data = ds.torch(returns=('image', 'index', 'label'), decode=False)
        loader = torch.utils.data.DataLoader(
            data,
            batch_size=8,
            shuffle=True,
            num_workers=2,
            multiprocessing_context=method,
        )
        seen = {}
        for images, indices, labels in loader:
            assert all(isinstance(image, bytes) for image in images)
            seen |= dict(zip(indices.tolist(), labels.tolist(), strict=True))
        assert seen == dict(enumerate(ds.labels.tolist()))

    def test_samplers_over_a_subset(self, torch, ds):
        subset = ds.subset(ds.labels == ds.labels[0])
        data = subset.torch(returns=('index', 'label'))
        loader = torch.utils.data.DataLoader(
            data, sampler=torch.utils.data.RandomSampler(data), batch_size=2
        )
        seen = [i for indices, _ in loader for i in indices.tolist()]
        assert sorted(seen) == subset.indices.tolist()

    def test_distributed_sampler_covers_every_index(self, torch, ds):
        data = ds.torch(returns=('index', 'label'))
        seen = []
        for rank in range(7):
            sampler = torch.utils.data.distributed.DistributedSampler(
                data, num_replicas=7, rank=rank
            )
            loader = torch.utils.data.DataLoader(data, sampler=sampler, batch_size=4)
            seen += [i for indices, _ in loader for i in indices.tolist()]
        assert sorted(set(seen)) == list(range(51))
        assert len(seen) == 56  # it pads

    def test_tensors_are_indices(self, torch, ds):
        assert ds[torch.tensor(7)].index == 7
        assert [e.index for e in ds[torch.tensor([7, 3])]] == [7, 3]
        assert [e.index for e in ds.subset(torch.tensor([7, 3]))] == [7, 3]

    def test_missing_example_in_a_worker_arrives_as_itself(self, torch, incomplete):
        ds = IndexedDataset(incomplete)
        loader = torch.utils.data.DataLoader(ds, num_workers=1, collate_fn=list)
        with pytest.raises(MissingExampleError, match='train example 3 '):
            list(loader)
