import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.offsets import (
    make_offsets,
    offsets_path,
    read_offsets,
)
from support.reports import shard_info


@pytest.fixture
def offsets():
    return make_offsets({0: shard_info([4, 0]), 1: shard_info([1], length=3)}, 6)


def test_says_where_each_example_is(offsets):
    assert offsets.shard.tolist() == [0, 1, -1, -1, 0, -1]
    assert offsets.offset.tolist() == [26, 0, 0, 0, 0, 0]
    assert offsets.length.tolist() == [10, 3, 0, 0, 10, 0]
    assert offsets.crc32c.tolist() == [100, 101, 0, 0, 104, 0]
    assert [array.dtype for array in offsets] == ['<i4', '<i8', '<i8', '<u4']


def test_gives_the_content_of_each_shard_and_of_all_back(offsets):
    assert offsets.in_shard(0).tolist() == [(4, 10, 104), (0, 10, 100)]
    assert offsets.in_shard(1).tolist() == [(1, 3, 101)]
    assert offsets.in_shard(2).tolist() == []
    assert offsets.in_order_of_index()['index'].tolist() == [0, 1, 4]


def test_is_read_back_as_it_was_written(offsets, tmp_path):
    path = offsets_path(str(tmp_path), 'train')
    assert path == str(tmp_path / 'train.index.npz')
    with open(path, 'wb') as file:
        file.write(offsets.to_npz())
    read = read_offsets(path)
    assert all((ours == theirs).all() for ours, theirs in zip(offsets, read, strict=True))
    assert offsets.to_npz() == read.to_npz()


def test_one_that_is_not_there_is_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_offsets(str(tmp_path / 'none'))


@pytest.mark.parametrize(
    'change',
    [
        {'shard': None},
        {'shard': np.zeros(6)},
        {'offset': np.zeros(5, np.int64)},
        {'length': np.zeros((6, 1), np.int64)},
        {'crc32c': np.array([object()] * 6)},
    ],
)
def test_refuses_arrays_that_make_none(offsets, tmp_path, change):
    arrays = {k: v for k, v in (offsets._asdict() | change).items() if v is not None}
    np.savez(tmp_path / 'x.npz', **arrays)
    with pytest.raises(ValueError, match='is no offsets'):
        read_offsets(str(tmp_path / 'x.npz'))


def test_refuses_one_that_may_unpack_to_any_size(offsets, tmp_path):
    np.savez_compressed(tmp_path / 'x.npz', **offsets._asdict())
    with pytest.raises(ValueError, match='is no offsets: it is compressed'):
        read_offsets(str(tmp_path / 'x.npz'))


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_refuses_what_is_no_npz(tmp_path_factory, data, cut):
    file = io.BytesIO()
    np.savez(file, shard=np.zeros(6, np.int32))
    path = tmp_path_factory.getbasetemp() / 'damaged.npz'
    path.write_bytes(file.getvalue()[:cut] + data)
    with pytest.raises(ValueError, match='is no offsets'):
        read_offsets(str(path))
