import gc
import pickle

import apache_beam as beam
import numpy as np
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.index_table import (
    IndexTable,
    PackedIndexTable,
    ReadIndexTable,
)

# No name ends in a NUL byte: no file's name does, and numpy would drop it.
NAME = st.binary(min_size=1, max_size=30).filter(lambda name: not name.endswith(b'\0'))


def make_table(names):
    return IndexTable.from_split(
        SplitIndex(np.array(names, 'S'), np.arange(len(names), dtype=np.int16))
    )


@given(st.lists(NAME, min_size=1, max_size=30, unique=True), st.lists(NAME, max_size=30))
def test_find_any_names_equals_dict(names, unknown):
    table = make_table(names)
    expected = {name: i for i, name in enumerate(names)}
    sought = names + unknown
    places = table.find(sought)
    found = [int(table.index[p]) if p >= 0 else None for p in places]
    assert found == [expected.get(name) for name in sought]
    assert [table.labels[p] for p in places[: len(names)]] == list(range(len(names)))


def test_find_name_with_known_prefix_is_absent():
    table = make_table([b'a.JPEG'])
    assert table.find([b'a.JPEG', b'a.JPEG.bak', b'a.JPE']).tolist() == [0, -1, -1]


def test_unpack_same_table_is_made_once_per_process():
    table = make_table([b'b', b'a', b'ccc'])
    packed = PackedIndexTable.pack(table)
    one, other = packed.unpack(), pickle.loads(pickle.dumps(packed)).unpack()
    assert one is other
    assert one.names.tolist() == [b'a', b'b', b'ccc']
    assert one.index.tolist() == [1, 0, 2]
    assert one.labels.tolist() == [1, 0, 2]
    assert PackedIndexTable.pack(make_table([b'z'])).unpack() is not one


def test_unpack_unused_table_is_freed():
    from indexed_imagenet.transforms import index_table

    table = PackedIndexTable.pack(make_table([b'only here'])).unpack()
    before = len(index_table._tables)
    del table
    gc.collect()
    assert len(index_table._tables) == before - 1


def test_index_table_full_training_set_is_below_60_mb():
    num_examples = 1_281_167
    numbers = np.arange(num_examples) % 1_000_000
    names = np.char.add(b'n01440764_', np.char.zfill(numbers.astype('S6'), 6))
    table = IndexTable.from_split(
        SplitIndex(np.char.add(names, b'.JPEG'), np.zeros(num_examples, np.int16))
    )
    size = table.names.nbytes + table.index.nbytes + table.labels.nbytes
    assert table.names.dtype.itemsize == 21
    assert size < 60e6


def test_read_index_table_works_as_side_input(new_pipeline, golden):
    index_file = str(golden / 'imagenet_index.npz')
    with np.load(index_file) as arrays:
        names = arrays['tt_filenames'].tolist()

    def index_of(name, packed):
        table = packed.unpack()
        return int(table.index[table.find([name])[0]])

    with new_pipeline() as pipeline:
        table = pipeline | ReadIndexTable(index_file, 'validation')
        found = (
            pipeline
            | beam.Create(names)
            | beam.Map(index_of, beam.pvalue.AsSingleton(table))
        )
        assert_that(found, equal_to(list(range(len(names)))))
