import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.example_encoder import (
    ExampleEncoder,
    Label,
    make_labels,
)
from indexed_imagenet.transforms.images.check_image import CheckedImage

SIZE = st.integers(1, 70_000)


def reference(tf, index, name, label, image):
    def of_bytes(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def of_int(value):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    features = {
        'index': of_int(index),
        'image/encoded': of_bytes(image.encoded),
        'image/height': of_int(image.height),
        'image/width': of_int(image.width),
        'image/channels': of_int(3),
        'image/colorspace': of_bytes(b'RGB'),
        'image/format': of_bytes(b'JPEG'),
        'image/filename': of_bytes(name),
        'image/class/label': of_int(label.number),
        'image/class/synset': of_bytes(label.synset.encode()),
        'image/class/text': of_bytes(label.text.encode()),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


@given(
    index=st.integers(0, 2**31 - 1),
    name=st.binary(max_size=300),
    number=st.integers(1, 1000),
    words=st.text(max_size=300),
    encoded=st.binary(max_size=300),
    height=SIZE,
    width=SIZE,
)
def test_encode_any_values_equal_protobuf(
    tf, index, name, number, words, encoded, height, width
):
    label = Label(number, 'n01440764', words)
    image = CheckedImage(encoded, height, width, None)
    made = ExampleEncoder([label]).encode(index, name, 0, encoded, height, width)
    assert b''.join(made) == reference(tf, index, name, label, image)


@pytest.mark.parametrize('length', [100, 127, 128, 16_383, 16_384, 2_097_152])
def test_encode_lengths_around_varint_limits_equal_protobuf(tf, length):
    label = make_labels(['n01440764'], ['tench'])[0]
    for near in range(length - 16, length + 3):
        image = CheckedImage(bytes(near), 1, 1, None)
        made = ExampleEncoder([label]).encode(7, b'x', 0, image.encoded, 1, 1)
        assert b''.join(made) == reference(tf, 7, b'x', label, image)


def test_make_labels_numbers_start_at_1():
    assert make_labels(['n1', 'n2'], ['one', 'two']) == [
        Label(1, 'n1', 'one'),
        Label(2, 'n2', 'two'),
    ]
