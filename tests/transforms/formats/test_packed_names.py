import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.packed_names import PackedNames

NAMES = st.lists(st.binary(max_size=40).map(lambda name: name.rstrip(b'\0')), max_size=20)


@given(NAMES)
def test_pack_then_unpack_returns_the_names(names):
    packed = PackedNames.pack(np.array(names, 'S') if names else np.empty(0, 'S1'))
    assert len(packed) == len(names)
    assert packed.unpack().tolist() == names
    assert [packed[i] for i in range(len(names))] == names


@pytest.mark.parametrize('ends', [[3, 1, 4], [1, 2, 3], [1, 2, 5], [-1, 2, 4]])
def test_ends_that_do_not_cover_the_content_raise(ends):
    with pytest.raises(ValueError, match='not ascending to the last byte'):
        PackedNames(np.zeros(4, np.uint8), np.array(ends))


@pytest.mark.parametrize(
    ('content', 'ends'),
    [
        (np.zeros(4, np.int8), np.array([4])),
        (np.zeros((4, 1), np.uint8), np.array([4])),
        (np.zeros(4, np.uint8), np.array([4], np.int32)),
    ],
)
def test_wrong_dtypes_raise(content, ends):
    with pytest.raises(ValueError, match='have dtype'):
        PackedNames(content, ends)
