import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.shuffle import Shuffle

SHUFFLES = st.integers(1, 300).flatmap(
    lambda n: st.builds(Shuffle, st.just(n), st.integers(1, n), st.integers(0, 2**32 - 1))
)


@given(SHUFFLES)
def test_shuffle_any_size_equals_documented_formula(shuffle):
    n, num_shards = shuffle.num_examples, shuffle.num_shards
    permutation = np.random.RandomState(shuffle.seed).permutation(n)
    members = {shard: [] for shard in range(num_shards)}
    for index in sorted(range(n), key=lambda i: permutation[i]):
        members[int(permutation[index]) * num_shards // n].append(index)
    shards = shuffle.shards(np.arange(n))
    for shard, indices in members.items():
        assert shuffle.expected(shard).tolist() == indices
        assert sorted(np.flatnonzero(shards == shard)) == sorted(indices)
        rows = np.array([(i,) for i in sorted(indices)], [('index', np.int32)])
        assert shuffle.in_order(rows)['index'].tolist() == indices
    sizes = [len(indices) for indices in members.values()]
    assert max(sizes) - min(sizes) <= 1


def test_ranks_full_training_set_seed_0_is_unchanged():
    # Published shards stand on it: the first ranks of the training set, seed 0.
    ranks = Shuffle(1_281_167, 1024, 0).ranks(np.arange(4))
    assert ranks.tolist() == [1223947, 1252642, 127713, 958074]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((0, 1, 0), 'num_examples is 0'),
        ((10, 0, 0), 'num_shards is 0 \\(expected 1 to 10'),
        ((10, 11, 0), 'num_shards is 11 \\(expected 1 to 10'),
        ((10, 1, -1), 'seed is -1'),
        ((10, 1, 2**32), 'seed is 4294967296'),
    ],
)
def test_shuffle_impossible_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        Shuffle(*arguments)
