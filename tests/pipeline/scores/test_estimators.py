"""Memorization and influence against the naive loop."""

import numpy as np
import pytest

from indexed_imagenet import estimators

RUNS, TRAIN, TEST = 40, 30, 12


@pytest.fixture
def runs():
    random = np.random.RandomState(0)
    masks = random.rand(RUNS, TRAIN) < 0.7
    masks[:, 3] = True  # never out
    masks[:, 4] = False  # never in
    correct = random.rand(RUNS, TRAIN) < 0.4 + 0.4 * masks
    test = random.rand(RUNS, TEST) < 0.3 + 0.5 * masks[:, :TEST]
    return masks, correct, test


def naive(masks, correct):
    inside, outside = correct[masks], correct[~masks]
    if not len(inside) or not len(outside):
        return np.nan, np.nan
    error = np.sqrt(inside.var() / len(inside) + outside.var() / len(outside))
    return inside.mean() - outside.mean(), error


def test_memorization_equals_the_naive_loop(runs):
    masks, correct, _ = runs
    estimate = estimators.memorization(masks, correct)
    expected = np.array([naive(masks[:, i], correct[:, i]) for i in range(TRAIN)])
    np.testing.assert_allclose(estimate.values, expected[:, 0])
    np.testing.assert_allclose(estimate.standard_errors, expected[:, 1])
    assert np.isnan(estimate.values).nonzero()[0].tolist() == [3, 4]


def influence(runs):
    masks, _, test = runs
    return np.array(
        [[naive(masks[:, i], test[:, j])[0] for j in range(TEST)] for i in range(TRAIN)]
    )


def test_influence_block_equals_the_naive_loop(runs):
    masks, _, test = runs
    train, chosen = np.array([5, 3, 9]), np.array([2, 0])
    block = estimators.influence_block(masks, test, train, chosen)
    np.testing.assert_allclose(block.values, influence(runs)[np.ix_(train, chosen)])
    assert block.standard_errors.shape == (3, 2)


def test_influence_by_class_stays_within_classes(runs):
    masks, _, test = runs
    train_labels, test_labels = np.arange(TRAIN) % 4, np.arange(TEST) % 3
    full = influence(runs)
    labels = []
    for label, train, chosen, block in estimators.influence_by_class(
        masks, test, train_labels, test_labels
    ):
        labels.append(label)
        assert (train_labels[train] == label).all()
        np.testing.assert_allclose(block.values, full[np.ix_(train, chosen)])
    assert labels == [0, 1, 2]


@pytest.mark.parametrize('block', [7, 4096])
def test_top_and_threshold_equal_the_dense_matrix(runs, monkeypatch, block):
    from indexed_imagenet.scores import estimators as module

    monkeypatch.setattr(module, '_BLOCK', block)
    masks, _, test = runs
    full = np.where(np.isnan(influence(runs)), -np.inf, influence(runs))
    top = estimators.top_influences(masks, test, 3)
    for j in range(TEST):
        expected = np.argsort(-full[:, j], kind='stable')[:3]
        assert top.train[top.test == j].tolist() == expected.tolist()
        np.testing.assert_allclose(top.influence[top.test == j], full[expected, j])
    above = estimators.influences_above(masks, test, 0.2)
    assert set(zip(above.train.tolist(), above.test.tolist(), strict=True)) == set(
        zip(*(axis.tolist() for axis in np.nonzero(full > 0.2)), strict=True)
    )


@pytest.mark.parametrize('block', [7, 64])
@pytest.mark.parametrize('k', [1, 5, 10, 200])
def test_top_influences_of_equal_ones_the_lower_position_comes_first(
    monkeypatch, block, k
):
    from indexed_imagenet.scores import estimators as module

    monkeypatch.setattr(module, '_BLOCK', block)
    random = np.random.RandomState(k)
    masks, test = random.rand(5, 150) < 0.6, random.rand(5, TEST) < 0.5
    everything = np.arange(150), np.arange(TEST)
    full = estimators.influence_block(masks, test, *everything).values
    known = np.isfinite(full[:, 0])
    assert 0 < known.sum() < 150
    top = estimators.top_influences(masks, test, k)
    for j in range(TEST):
        order = np.argsort(-full[:, j], kind='stable')
        expected = order[: min(k, known.sum())]  # argsort puts NaN last
        assert top.train[top.test == j].tolist() == expected.tolist()
        assert top.influence[top.test == j].tolist() == full[expected, j].tolist()


@pytest.mark.parametrize(
    ('masks', 'correct', 'message'),
    [
        (np.ones((3, 4)), np.ones((3, 4), bool), 'masks have dtype float64'),
        (np.ones((3, 4), bool), np.ones((2, 4), bool), 'expected booleans, 3 runs'),
        (np.ones((3, 4), bool), np.ones((3, 5), bool), r'expected \(3, 4\)'),
    ],
)
def test_shapes_that_do_not_fit_raise(masks, correct, message):
    with pytest.raises(ValueError, match=message):
        estimators.memorization(masks, correct)


def test_authors_aux_arrays_are_read(runs, tmp_path):
    masks, correct, test = runs
    paths = []
    for run in range(5):
        inside, outside = (np.flatnonzero(m) for m in (masks[run], ~masks[run]))
        order = np.random.RandomState(run).permutation(TEST)
        path = tmp_path / f'{run}.npz'
        np.savez(
            path,
            subsample_idx=inside,
            index_train=inside,
            correctness_train=correct[run, inside].astype(np.float32),
            index_removed=outside,
            correctness_removed=correct[run, outside].astype(np.float32),
            index_test=order,
            correctness_test=test[run, order].astype(np.float32),
        )
        paths.append(str(path))
    read = estimators.read_aux_arrays(paths, TRAIN)
    for given, expected in zip(read, runs, strict=True):
        assert (given == expected[:5]).all()
    np.savez(tmp_path / 'x.npz', subsample_idx=[0])
    with pytest.raises(ValueError, match="has no 'index_train'"):
        estimators.read_aux_arrays([str(tmp_path / 'x.npz')], TRAIN)
