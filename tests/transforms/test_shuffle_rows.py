import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms import shuffle_rows
from indexed_imagenet.transforms.rows import make_rows, unpack_blocks
from indexed_imagenet.transforms.shuffle_rows import Shuffle, ShuffleRows

PLACEMENTS = st.integers(1, 300).flatmap(
    lambda n: st.builds(Shuffle, st.just(n), st.integers(1, n), st.integers(0, 2**32 - 1))
)


def rows_of(indices):
    names = [b'image%d' % i for i in indices]
    return make_rows(names, names, np.array(indices), np.zeros(len(names), int))


@given(PLACEMENTS)
def test_the_place_is_the_one_that_is_promised(shuffle):
    n, num_shards = shuffle.num_examples, shuffle.num_shards
    permutation = np.random.RandomState(shuffle.seed).permutation(n)
    members = {shard: [] for shard in range(num_shards)}
    for index in sorted(range(n), key=lambda i: permutation[i]):
        members[int(permutation[index]) * num_shards // n].append(index)
    shards = shuffle.shards(np.arange(n))
    for shard, indices in members.items():
        assert shuffle.expected(shard).tolist() == indices
        assert sorted(np.flatnonzero(shards == shard)) == sorted(indices)
        rows = rows_of(sorted(indices))
        assert shuffle.in_order(rows)['index'].tolist() == indices
    sizes = [len(indices) for indices in members.values()]
    assert max(sizes) - min(sizes) <= 1


def test_the_stream_of_the_seed_has_not_changed():
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
def test_refuses_a_placement_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        Shuffle(*arguments)


@pytest.mark.parametrize('rows_held', [1, 5, 1 << 16])
def test_rows_go_to_their_shards_and_no_shard_is_left_out(
    new_pipeline, monkeypatch, rows_held
):
    monkeypatch.setattr(shuffle_rows, 'ROWS_HELD', rows_held)
    shuffle = Shuffle(30, 10, 0)
    present = [3, 1, 4, 15, 9, 26, 5]
    expected = {shard: [] for shard in range(10)}
    for index in present:
        expected[int(shuffle.shards(np.array([index]))[0])].append(index)

    def indices(keyed):
        shard, blocks = keyed
        return shard, sorted(unpack_blocks(blocks)['index'].tolist())

    with new_pipeline() as pipeline:
        placed = (
            pipeline
            | beam.Create([rows_of(present[:3]), rows_of([]), rows_of(present[3:])])
            | ShuffleRows(shuffle)
            | beam.GroupByKey()
            | beam.Map(indices)
        )
        assert_that(
            placed, equal_to([(shard, sorted(i)) for shard, i in expected.items()])
        )
