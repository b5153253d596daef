"""Records in canonical form are recognised, and no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.canonical_record import (
    KINDS,
    is_canonical,
    read_canonical,
)
from indexed_imagenet.transforms.formats.example_decoder import INT64, decode_example
from indexed_imagenet.transforms.formats.example_encoder import (
    ExampleEncoder,
    encode_features,
    make_labels,
)

LABELS = make_labels(['n01440764', 'n02119022'], ['tench', 'red fox, Vulpes vulpes'])


def encode(index=7, name=b'a.JPEG', label=1, image=b'\xff\xd8\xff\xd9', h=24, w=40):
    return b''.join(ExampleEncoder(LABELS).encode(index, name, label, image, h, w))


def values_of(payload):
    return {key: f.values[0] for key, f in decode_example(payload).items()}


@given(
    st.integers(0, 2**31),
    st.binary(max_size=200),
    st.integers(0, 1),
    st.binary(max_size=20_000),
    st.integers(0, 70_000),
    st.integers(0, 70_000),
)
def test_read_canonical_gives_the_values_of_what_the_build_writes(
    index, name, label, image, h, w
):
    payload = encode(index, name, label, image, h, w)
    assert values_of(payload) == read_canonical(payload)
    assert is_canonical(payload, values_of(payload))


@pytest.mark.parametrize(
    'name',
    [b'', b'image/encoded', b'\x0a\x12', b'x' * 200, b'\x0a\x0c\x0a\x05index\x12', b'\n'],
)
def test_read_canonical_is_not_misled_by_a_name(name):
    payload = encode(name=name, image=name * 3)
    assert read_canonical(payload) == values_of(payload)


def test_encode_features_equals_protobuf_for_any_numbers(tf):
    values = values_of(encode()) | {'index': -1, 'image/height': 2**62, 'image/width': 0}
    payload = b''.join(encode_features(values))
    example = tf.train.Example.FromString(payload)
    assert example.SerializeToString(deterministic=True) == payload
    assert values_of(payload) == values


def shuffled(payload, order):
    """The same features in another order."""
    values = values_of(payload)
    body = b''
    for key in order:
        parts = b''.join(encode_features(values))
        features = decode_example(parts)
        body += _entry(key, features[key])
    return _field(1, body)


def _field(number, content):
    length, head = len(content), bytearray([number << 3 | 2])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(head) + bytes([length]) + content


def _entry(key, feature):
    [value] = feature.values
    if feature.kind == INT64:
        number = bytearray()
        while value > 0x7F:
            number.append(value & 0x7F | 0x80)
            value >>= 7
        held = _field(3, _field(1, bytes(number) + bytes([value])))
    else:
        held = _field(1, _field(1, value))
    return _field(1, _field(1, key.encode()) + _field(2, held))


@given(st.permutations(list(KINDS)))
def test_another_order_of_fields_is_not_canonical_but_has_equal_canonical_bytes(order):
    payload = encode()
    other = shuffled(payload, order)
    assert (read_canonical(other) is None) == (order != list(KINDS))
    assert is_canonical(other, values_of(other)) == (order == list(KINDS))
    assert b''.join(encode_features(values_of(other))) == payload


@given(st.integers(0, 300), st.integers(0, 255))
def test_read_canonical_takes_no_changed_byte_for_granted(place, byte):
    payload = encode()
    changed = bytearray(payload)
    changed[place % len(payload)] = byte
    values = read_canonical(bytes(changed))
    if values is not None:
        assert values_of(bytes(changed)) == values
        assert b''.join(encode_features(values)) == bytes(changed)
