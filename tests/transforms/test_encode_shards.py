import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that

from transforms.encode_example import ExampleEncoder, make_labels
from transforms.encode_shards import EncodeShards, encode_shard, find_doubles
from transforms.load_picture import PNG, Picture
from transforms.place_rows import Placement
from transforms.records import Record, Rejection, ShardEnd
from transforms.rows import WHOLE, Row, make_rows, pack_rows
from transforms.verdict import UNKNOWN, Verdict

LABELS = make_labels(['n01440764', 'n02119022'], ['tench', 'red fox'])
GOOD = Verdict({'train': 3}, {}, {})
PLACEMENT = Placement(5, 1, 0)


@pytest.fixture
def directory(tmp_path, jpeg):
    for name in ('a.JPEG', 'b.JPEG', 'c.JPEG'):
        (tmp_path / name).write_bytes(jpeg)
    return tmp_path


def block(indices, names):
    return pack_rows(make_rows(names, names, np.array(indices), np.array([0, 1, 1])))


def encode(new_pipeline, directory, verdict, check):
    rows = block([0, 3, 4], [b'a.JPEG', b'b.JPEG', b'c.JPEG'])
    with new_pipeline() as pipeline:
        side = beam.pvalue.AsSingleton(pipeline | 'verdict' >> beam.Create([verdict]))
        made = (
            pipeline
            | beam.Create([(0, [rows])])
            | EncodeShards(str(directory), PLACEMENT, LABELS, side)
        )
        assert_that(made, check)


def test_records_come_in_the_order_of_their_ranks_with_an_end_mark(
    new_pipeline, directory, jpeg
):
    ranks = PLACEMENT.ranks(np.arange(5))
    order = sorted([0, 3, 4], key=lambda index: ranks[index])
    names = {0: b'a.JPEG', 3: b'b.JPEG', 4: b'c.JPEG'}
    encoder, picture = ExampleEncoder(LABELS), Picture(jpeg, 24, 40, None)

    def check(made):
        *records, end = made
        assert records == [
            Record(0, i, encoder.encode(index, names[index], int(index > 0), picture))
            for i, index in enumerate(order)
        ]
        assert isinstance(end, ShardEnd)
        assert (end.shard, end.num_records, end.wanted) == (0, 3, True)
        assert end.labels.tolist() == [0, 1]
        assert end.missing.tolist() == [1, 2]
        assert (end.converted, end.rejected) == ([], [])

    encode(new_pipeline, directory, GOOD, check)


def test_a_bad_image_leaves_its_shard_out_and_all_bad_ones_are_named(
    new_pipeline, directory
):
    (directory / 'a.JPEG').write_bytes(b'')
    (directory / 'c.JPEG').unlink()

    def check(made):
        end = made[-1]
        assert not end.wanted
        assert sorted(end.rejected) == [
            Rejection(0, 'a.JPEG', 'empty: 0 bytes'),
            Rejection(4, 'c.JPEG', 'cannot be read: No such file or directory'),
        ]
        assert end.num_records == len(made) - 1

    encode(new_pipeline, directory, GOOD, check)


def test_a_bad_verdict_reads_nothing(new_pipeline, directory):
    for name in ('a.JPEG', 'b.JPEG', 'c.JPEG'):
        (directory / name).unlink()

    def check(made):
        [end] = made
        assert (end.num_records, end.wanted, end.rejected) == (0, False, [])

    encode(new_pipeline, directory, Verdict.of('train', UNKNOWN, ['x']), check)


def test_images_that_share_an_index_are_named_by_path():
    names = [b'n1/a', b'b', b'a', b'c']
    rows = make_rows(names, names, np.array([7, 8, 7, 9]), np.zeros(4, int))
    assert find_doubles(rows) == [
        Rejection(7, 'n1/a', 'there twice'),
        Rejection(7, 'a', 'there twice'),
    ]


def test_says_what_a_picture_was_converted_from(tf, pixels):
    png = tf.io.encode_png(pixels).numpy()
    row = Row(3, 1, 0, WHOLE, b'x.JPEG', b'x.JPEG')
    converted, record = encode_shard(0, [(row, png)], ExampleEncoder(LABELS))
    assert converted == (3, PNG)
    example = tf.train.Example.FromString(record.payload)
    encoded = example.features.feature['image/encoded'].bytes_list.value[0]
    assert tf.io.is_jpeg(encoded)


def test_no_record_is_made_after_a_rejection(jpeg):
    def image(index, data):
        return Row(index, 0, 0, WHOLE, b'%d' % index, b''), data

    made = list(
        encode_shard(
            0,
            [image(0, jpeg), image(1, b''), image(2, jpeg), image(3, b'?')],
            ExampleEncoder(LABELS),
        )
    )
    assert [type(m) for m in made] == [Record, Rejection, Rejection]
