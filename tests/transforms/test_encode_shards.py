import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that

from indexed_imagenet.transforms.elements import Record, Rejection, ShardEnd, ShardPlan
from indexed_imagenet.transforms.encode_shards import (
    FAIL,
    SKIP,
    EncodeShards,
    ImagePolicy,
    encode_shard,
)
from indexed_imagenet.transforms.formats.example_encoder import (
    ExampleEncoder,
    make_labels,
)
from indexed_imagenet.transforms.formats.shard_info import (
    DECODE,
    PNG,
    QUICK,
    Converted,
    digest_rows,
)
from indexed_imagenet.transforms.formats.shuffle import Shuffle
from indexed_imagenet.transforms.images.tf_codec import codec
from indexed_imagenet.transforms.rows import WHOLE, Row, make_rows

LABELS = make_labels(['n01440764', 'n02119022'], ['tench', 'red fox'])
POLICY = ImagePolicy(QUICK, FAIL)
SHUFFLE = Shuffle(5, 1, 0)


@pytest.fixture
def directory(tmp_path, jpeg):
    for name in ('a.JPEG', 'b.JPEG', 'c.JPEG'):
        (tmp_path / name).write_bytes(jpeg)
    return tmp_path


def encode(new_pipeline, directory, check, policy=POLICY):
    names = [b'a.JPEG', b'b.JPEG', b'c.JPEG']
    rows = make_rows(names, names, np.array([0, 3, 4]), np.array([0, 1, 1]))
    plan = ShardPlan(0, SHUFFLE.in_order(rows), np.array([1, 2], np.int32))
    with new_pipeline() as pipeline:
        made = (
            pipeline
            | beam.Create([plan])
            | EncodeShards(str(directory), LABELS, 'build_id', policy)
        )
        assert_that(made, check)


def test_encode_shards_yields_records_by_rank_then_end_mark(
    new_pipeline, directory, jpeg
):
    ranks = SHUFFLE.ranks(np.arange(5))
    order = sorted([0, 3, 4], key=lambda index: ranks[index])
    names = {0: b'a.JPEG', 3: b'b.JPEG', 4: b'c.JPEG'}
    encoder = ExampleEncoder(LABELS)

    def check(made):
        *records, end = made
        assert records == [
            Record(
                0,
                i,
                index,
                encoder.encode(index, names[index], int(index > 0), jpeg, 24, 40),
            )
            for i, index in enumerate(order)
        ]
        assert isinstance(end, ShardEnd)
        assert (end.shard, end.num_records, end.wanted) == (0, 3, True)
        assert (end.build_id, end.check, end.converted) == ('build_id', QUICK, ())
        labels = np.array([int(index > 0) for index in order])
        assert end.rows == digest_rows(
            np.array(order), labels, [names[index] for index in order]
        )
        assert end.labels.tolist() == [0, 1]
        assert end.missing.tolist() == [1, 2]
        assert end.rejected.count == 0

    encode(new_pipeline, directory, check)


def test_encode_shards_bad_images_fail_rejects_all_and_shard_is_unwanted(
    new_pipeline, directory
):
    (directory / 'a.JPEG').write_bytes(b'')
    (directory / 'c.JPEG').unlink()

    def check(made):
        end = made[-1]
        assert not end.wanted
        assert end.rejected.unpack() == [
            Rejection(0, 'a.JPEG', 'empty: 0 bytes'),
            Rejection(4, 'c.JPEG', 'cannot be read: No such file or directory'),
        ]
        assert end.num_records == len(made) - 1

    encode(new_pipeline, directory, check)


def test_encode_shards_bad_images_skip_shard_is_wanted_without_them(
    new_pipeline, directory
):
    (directory / 'a.JPEG').write_bytes(b'')

    def check(made):
        *records, end = made
        order = [i for i in SHUFFLE.expected(0).tolist() if i in (3, 4)]
        assert [(r.position, r.index) for r in records] == list(enumerate(order))
        assert end.wanted
        assert end.rejected.unpack() == [Rejection(0, 'a.JPEG', 'empty: 0 bytes')]
        assert end.labels.tolist() == [1]
        names = {3: b'b.JPEG', 4: b'c.JPEG'}
        assert end.rows == digest_rows(
            np.array(order), np.array([1, 1]), [names[index] for index in order]
        )

    encode(new_pipeline, directory, check, ImagePolicy(DECODE, SKIP))


def test_encode_shard_png_yields_converted_with_codec(tf, pixels):
    png = tf.io.encode_png(pixels).numpy()
    row = Row(3, 1, 0, WHOLE, b'x.JPEG', b'x.JPEG')
    converted, record = encode_shard(0, [(row, png)], ExampleEncoder(LABELS), POLICY)
    assert converted == Converted(3, PNG, codec())
    assert converted.codec.startswith(f'tensorflow {tf.__version__}, ')
    example = tf.train.Example.FromString(record.payload)
    encoded = example.features.feature['image/encoded'].bytes_list.value[0]
    assert tf.io.is_jpeg(encoded)


@pytest.mark.parametrize(
    ('bad_images', 'kinds'),
    [
        (FAIL, [Record, Rejection, Rejection]),
        (SKIP, [Record, Rejection, Record, Rejection]),
    ],
)
def test_encode_shard_after_rejection_makes_records_only_with_skip(
    jpeg, bad_images, kinds
):
    def image(index, data):
        return Row(index, 0, 0, WHOLE, b'%d' % index, b''), data

    made = list(
        encode_shard(
            0,
            [image(0, jpeg), image(1, b''), image(2, jpeg), image(3, b'?')],
            ExampleEncoder(LABELS),
            ImagePolicy(QUICK, bad_images),
        )
    )
    assert [type(m) for m in made] == kinds


def test_image_policy_unknown_value_raises():
    with pytest.raises(
        ValueError, match="bad_images is 'x' \\(expected one of fail, skip"
    ):
        ImagePolicy(QUICK, 'x')
    with pytest.raises(ValueError, match="check is '' \\(expected one of quick, decode"):
        ImagePolicy('', FAIL)
