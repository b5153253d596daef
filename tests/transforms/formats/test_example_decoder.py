import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.example_decoder import (
    BYTES,
    FLOAT,
    INT64,
    Feature,
    decode_example,
)

LISTS = {BYTES: 'bytes_list', FLOAT: 'float_list', INT64: 'int64_list'}

features = st.dictionaries(
    st.text(max_size=20),
    st.one_of(
        st.builds(Feature, st.just(BYTES), st.lists(st.binary(max_size=300)).map(tuple)),
        st.builds(Feature, st.just(FLOAT), st.lists(st.floats(width=32)).map(tuple)),
        st.builds(
            Feature, st.just(INT64), st.lists(st.integers(-(2**63), 2**63 - 1)).map(tuple)
        ),
        st.just(Feature(None, ())),
    ),
    max_size=12,
)


def serialize(tf, content, **options) -> bytes:
    message = tf.train.Example()
    message.features.SetInParent()
    for key, feature in content.items():
        value = message.features.feature[key]
        if feature.kind:
            value = getattr(value, LISTS[feature.kind])
            value.SetInParent()
            value.value.extend(feature.values)
    return message.SerializeToString(**options)


def by_protobuf(tf, payload) -> dict[str, Feature]:
    message = tf.train.Example.FromString(payload)
    kinds = {name: kind for kind, name in LISTS.items()}
    found = {}
    for key, value in message.features.feature.items():
        name = value.WhichOneof('kind')
        values = tuple(getattr(value, name).value) if name else ()
        found[key] = Feature(kinds.get(name), values)
    return found


def same(ours, theirs) -> bool:
    """Returns True if two examples are equal; a NaN equals a NaN."""
    if ours.keys() != theirs.keys():
        return False
    for key, feature in ours.items():
        other = theirs[key]
        if feature.kind != other.kind or len(feature.values) != len(other.values):
            return False
        for a, b in zip(feature.values, other.values, strict=True):
            both_nan = feature.kind == FLOAT and math.isnan(a) and math.isnan(b)
            if a != b and not both_nan:
                return False
    return True


@given(features, st.booleans())
def test_decode_example_returns_what_protobuf_wrote(tf, content, deterministic):
    payload = serialize(tf, content, deterministic=deterministic)
    assert same(decode_example(payload), content)


@settings(max_examples=1000)
@given(features, st.data())
def test_decode_example_damaged_message_raises_or_agrees_with_protobuf(tf, content, data):
    payload = bytearray(serialize(tf, content))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(payload)))
        if data.draw(st.booleans()) and place < len(payload):
            payload[place] ^= data.draw(st.integers(1, 255))
        elif data.draw(st.booleans()):
            del payload[place : place + data.draw(st.integers(1, 5))]
        else:
            payload[place:place] = data.draw(st.binary(min_size=1, max_size=5))
    check(tf, bytes(payload))


@settings(max_examples=500)
@given(st.binary(max_size=60))
@example(b'')
def test_decode_example_any_bytes_raise_or_agree_with_protobuf(tf, payload):
    check(tf, payload)


def check(tf, payload):
    try:
        ours = decode_example(payload)
    except ValueError:
        return
    assert same(ours, by_protobuf(tf, payload))


def test_decode_example_unpacked_int64_list_is_read():
    list_ = b'\x08\x05\x08\x07'  # two fields 1, each a varint
    feature = b'\x1a' + bytes([len(list_)]) + list_
    entry = b'\x0a\x01a\x12' + bytes([len(feature)]) + feature
    inside = b'\x0a' + bytes([len(entry)]) + entry
    payload = b'\x0a' + bytes([len(inside)]) + inside
    assert decode_example(payload) == {'a': Feature(INT64, (5, 7))}


@pytest.mark.parametrize(
    ('payload', 'reason'),
    [
        (b'\x12\x00', 'an Example has a field 2 of wire type 2'),
        (b'\x0a\x05\x0a', 'reaches byte 7 in a message of 3'),
        (b'\x0a\x80', 'does not end'),
        (b'\x0a\x0c' + b'\x0a\x04\x0a\x00\x12\x00' * 2, "the feature '' appears twice"),
    ],
)
def test_decode_example_unusual_message_raises_with_reason(payload, reason):
    with pytest.raises(ValueError, match=reason):
        decode_example(payload)
