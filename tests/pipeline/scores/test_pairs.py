import numpy as np
import pytest

from indexed_imagenet import IndexedDataset, JoinError, estimators

# The first rows of imagenet_high_infl_pairs_infl0.15_mem0.25.npz, as published.
PAIRS = {
    'tr_idx': np.array([950353, 1121242, 677903]),
    'tt_idx': np.array([31025, 47229, 27624]),
    'infl': np.array([0.15981829058550817, 0.15664331651117824, 0.1901455715802246]),
    'mem': np.array([0.7462728071487326, 0.38615274803711636, 0.8607544755338288]),
}
MATRICES = {
    'tr_classidx_7': np.array([5, 1]),
    'tt_classidx_7': np.array([3, 8, 9]),
    'infl_matrix_class7': np.arange(6.0).reshape(2, 3),
    'tr_classidx_10': np.array([2]),
    'tt_classidx_10': np.array([4]),
    'infl_matrix_class10': np.array([[0.5]]),
}


def saved(path, arrays):
    np.savez(path, **arrays)
    return path


def test_read_pairs_published_rows(tmp_path):
    pairs = estimators.read_pairs(saved(tmp_path / 'p.npz', PAIRS))
    assert pairs.train.tolist() == [950353, 1121242, 677903]
    assert pairs.test.tolist() == [31025, 47229, 27624]
    np.testing.assert_array_equal(pairs.influence, PAIRS['infl'])
    np.testing.assert_array_equal(pairs.memorization, PAIRS['mem'])


def test_read_class_influence_yields_classes_by_label(tmp_path):
    path = saved(tmp_path / 'm.npz', MATRICES)
    small, large = estimators.read_class_influence(path)
    assert (small.label, large.label) == (7, 10)
    assert small.train.tolist() == [5, 1] and small.test.tolist() == [3, 8, 9]
    np.testing.assert_array_equal(small.influence, MATRICES['infl_matrix_class7'])


@pytest.mark.parametrize(
    ('arrays', 'reader'),
    [(PAIRS, 'read_pairs'), (MATRICES, 'read_class_influence')],
)
def test_join_names_the_reader(built, tmp_path, arrays, reader):
    with pytest.raises(JoinError, match=rf'{reader}\(\) reads it'):
        IndexedDataset(built).join(saved(tmp_path / 'x.npz', arrays))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'mem': None}, 'it has no mem'),
        ({'mem': np.ones(2)}, r"'mem' has shape \(2,\) \(expected \(3,\)\)"),
        ({'tr_idx': np.ones(3)}, "'tr_idx' does not hold numbers"),
        ({'tt_idx': np.array([1, -1, 2])}, "'tt_idx' has the index -1"),
    ],
)
def test_read_pairs_damaged_raises(tmp_path, change, message):
    arrays = {k: v for k, v in {**PAIRS, **change}.items() if v is not None}
    with pytest.raises(JoinError, match=message):
        estimators.read_pairs(saved(tmp_path / 'p.npz', arrays))


def test_read_class_influence_damaged_raises(tmp_path):
    with pytest.raises(JoinError, match='it has no infl_matrix_class'):
        list(estimators.read_class_influence(saved(tmp_path / 'p.npz', PAIRS)))
    changed = {**MATRICES, 'infl_matrix_class7': np.ones((3, 2))}
    with pytest.raises(JoinError, match=r'shape \(3, 2\) \(expected \(2, 3\)\)'):
        list(estimators.read_class_influence(saved(tmp_path / 'm.npz', changed)))
    (tmp_path / 'x.npz').write_bytes(b'x')
    with pytest.raises(JoinError, match='cannot be read'):
        list(estimators.read_class_influence(tmp_path / 'x.npz'))
