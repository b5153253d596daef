"""Rank correlation with the memorization values beside the shards."""

import shutil

import numpy as np
import pytest

from indexed_imagenet import DatasetError, IndexedDataset
from indexed_imagenet.scores.correlation import rank_correlation


@pytest.mark.parametrize('seed', range(3))
def test_rank_correlation_is_that_of_mean_ranks(seed):
    random = np.random.RandomState(seed)
    one, other = random.randint(5, size=40) * 1.0, random.rand(40)
    one[3] = np.nan
    known = np.isfinite(one)

    def ranks(values):  # the mean place of each value among the sorted ones
        lower = (values[None, :] < values[:, None]).sum(axis=1)
        return lower + ((values[None, :] == values[:, None]).sum(axis=1) + 1) / 2

    expected = np.corrcoef(ranks(one[known]), ranks(other[known]))[0, 1]
    assert rank_correlation(one, other) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize('values', [[1.0, 1, 1, 1], [np.nan, np.nan, 1, 2], []])
def test_rank_correlation_without_information_is_nan(values):
    assert np.isnan(rank_correlation(np.array(values), np.arange(len(values)) * 1.0))


def test_join_reports_the_correlation_of_each_column_of_numbers(built):
    ds = IndexedDataset(built)
    memorization = np.load(built / 'train.scores.npz')['tr_mem']
    table = {
        'index': np.arange(51),
        'same': memorization * 3,
        'less': -memorization,
        'constant': np.ones(51),
        'text': np.array(['a', 'b', 'c'] * 17),
    }
    report = ds.join(table).report
    assert report.correlations == {'same': 1.0, 'less': -1.0}
    assert str(report).endswith('; rank correlation with tr_mem: same 1.00, less -1.00')


def test_join_without_tr_mem_reports_no_correlation(built, foreign, golden):
    validation = IndexedDataset(built, 'validation')
    theirs = IndexedDataset(foreign, imagenet_index=golden / 'imagenet_index.npz')
    for ds in (validation, theirs):
        report = ds.join({'index': np.arange(len(ds)), 'v': np.arange(len(ds))}).report
        assert report.correlations == {}
        assert 'tr_mem' not in str(report)


def test_join_with_a_damaged_file_beside_the_shards_names_it(built, tmp_path):
    shutil.copytree(built, tmp_path / 'out')
    (tmp_path / 'out' / 'train.scores.npz').write_bytes(b'x')
    ds = IndexedDataset(tmp_path / 'out')
    with pytest.raises(DatasetError, match=r'train.scores.npz is not a scores file'):
        ds.join({'index': np.arange(51), 'v': np.arange(51)})
