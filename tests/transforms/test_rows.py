import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.rows import (
    WHOLE,
    Row,
    each_row,
    join_rows,
    make_rows,
    pack_rows,
    unpack_blocks,
    unpack_rows,
)

NAME = st.binary(max_size=40).filter(lambda name: not name.endswith(b'\0'))
ROWS = st.lists(
    st.tuples(NAME, NAME, st.integers(0, 2**31 - 1), st.integers(0, 2**15 - 1)),
    max_size=20,
)


def rows_of(fields):
    sources, names, index, labels = zip(*fields, strict=True) if fields else [[]] * 4
    return make_rows(list(sources), list(names), np.array(index), np.array(labels))


@given(ROWS)
def test_unpack_rows_returns_what_was_packed(fields):
    rows = list(each_row(unpack_rows(pack_rows(rows_of(fields)))))
    assert rows == [
        Row(index, label, 0, WHOLE, source, name) for source, name, index, label in fields
    ]


@given(st.lists(ROWS, max_size=4))
def test_unpack_blocks_different_widths_are_joined(parts):
    blocks = [pack_rows(rows_of(fields)) for fields in parts]
    together = [tuple(row) for row in each_row(unpack_blocks(blocks))]
    assert together == [
        tuple(row) for fields in parts for row in each_row(rows_of(fields))
    ]
    assert len(join_rows([])) == 0


def test_pack_rows_imagenet_row_is_below_25_bytes():
    random = np.random.RandomState(0)
    names, sources = [], []
    for synset in random.randint(1_440_764, 15_075_141, 128):
        names.append(b'n%08d_%d.JPEG' % (synset, random.randint(1, 30_000)))
        sources.append(names[-1][:9] + b'/' + names[-1])
    index = random.randint(0, 1_281_167, 128)
    block = pack_rows(make_rows(sources, names, index, random.randint(0, 1000, 128)))
    assert len(block) / 128 < 25
