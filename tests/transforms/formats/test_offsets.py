import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.layout import offsets_path
from indexed_imagenet.transforms.formats.offsets import make_offsets, read_offsets
from support.reports import INDEX, shard_info


@pytest.fixture
def offsets():
    return make_offsets({0: shard_info([4, 0]), 1: shard_info([1], length=3)}, INDEX)


def arrays_of(offsets) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(offsets.to_npz())) as arrays:
        return dict(arrays)


def test_make_offsets_present_and_absent_examples_have_places(offsets):
    assert offsets.shard.tolist() == [0, 1, -1, -1, 0, -1]
    assert offsets.offset.tolist() == [26, 0, 0, 0, 0, 0]
    assert offsets.length.tolist() == [10, 3, 0, 0, 10, 0]
    assert offsets.crc32c.tolist() == [100, 101, 0, 0, 104, 0]


def test_make_offsets_has_labels_and_names_of_absent_examples_too(offsets):
    assert offsets.label.tolist() == [0, 1, 2, 3, 4, 5]
    assert offsets.names.unpack().tolist() == INDEX.names.tolist()
    assert offsets.names[3] == b'image3.JPEG'


def test_to_npz_arrays_have_the_documented_dtypes(offsets):
    arrays = arrays_of(offsets)
    assert {key: array.dtype.str for key, array in arrays.items()} == {
        'format': '<i8',
        'shard': '<i4',
        'offset': '<i8',
        'length': '<i8',
        'crc32c': '<u4',
        'label': '<i2',
        'name_content': '|u1',
        'name_ends': '<i8',
    }
    assert arrays['format'] == 1


def test_in_shard_and_in_order_of_index_return_records(offsets):
    assert offsets.in_shard(0).tolist() == [(4, 10, 104), (0, 10, 100)]
    assert offsets.in_shard(1).tolist() == [(1, 3, 101)]
    assert offsets.in_shard(2).tolist() == []
    assert offsets.in_order_of_index()['index'].tolist() == [0, 1, 4]


def test_read_offsets_returns_what_was_written(offsets, tmp_path):
    path = offsets_path(str(tmp_path), 'train')
    assert path == str(tmp_path / 'train.offsets.npz')
    with open(path, 'wb') as file:
        file.write(offsets.to_npz())
    assert read_offsets(path).to_npz() == offsets.to_npz()


def test_read_offsets_missing_file_raises_file_not_found(tmp_path):
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
        {'format': np.int64(2)},
        {'format': np.zeros(2, np.int64)},
        {'label': np.zeros(6, np.int64)},
        {'name_ends': np.arange(6)[::-1].copy()},
        {'name_ends': np.full(6, 1 << 40)},
        {'name_content': np.zeros(3, np.uint8)},
    ],
)
def test_read_offsets_wrong_arrays_raise(offsets, tmp_path, change):
    arrays = {k: v for k, v in (arrays_of(offsets) | change).items() if v is not None}
    np.savez(tmp_path / 'x.npz', **arrays)
    with pytest.raises(ValueError, match='is not an offsets file'):
        read_offsets(str(tmp_path / 'x.npz'))


def test_read_offsets_compressed_file_raises(offsets, tmp_path):
    """A compressed file might unpack to any size."""
    np.savez_compressed(tmp_path / 'x.npz', **arrays_of(offsets))
    with pytest.raises(ValueError, match='is not an offsets file: it is compressed'):
        read_offsets(str(tmp_path / 'x.npz'))


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_read_offsets_damaged_file_raises(tmp_path_factory, data, cut):
    file = io.BytesIO()
    np.savez(file, shard=np.zeros(6, np.int32))
    path = tmp_path_factory.getbasetemp() / 'damaged.npz'
    path.write_bytes(file.getvalue()[:cut] + data)
    with pytest.raises(ValueError, match='is not an offsets file'):
        read_offsets(str(path))
