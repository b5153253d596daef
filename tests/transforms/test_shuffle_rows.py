import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that, equal_to

from indexed_imagenet.transforms import shuffle_rows
from indexed_imagenet.transforms.formats.shuffle import Shuffle
from indexed_imagenet.transforms.rows import make_rows, unpack_blocks
from indexed_imagenet.transforms.shuffle_rows import ShuffleRows, split_by_shard


def rows_of(indices):
    names = [b'image%d' % i for i in indices]
    return make_rows(names, names, np.array(indices), np.zeros(len(names), int))


@pytest.mark.parametrize('rows_held', [1, 5, 1 << 16])
def test_shuffle_rows_yields_rows_by_shard_and_every_shard(
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


def test_split_by_shard_yields_each_present_shard_once():
    shuffle = Shuffle(30, 10, 0)
    rows = rows_of(range(0, 30, 4))
    parts = dict(split_by_shard(rows, shuffle))
    assert list(parts) == sorted(set(shuffle.shards(rows['index']).tolist()))
    for shard, part in parts.items():
        expected = [i for i in range(0, 30, 4) if i in shuffle.expected(shard)]
        assert part['index'].tolist() == expected
