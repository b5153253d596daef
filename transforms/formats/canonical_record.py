"""Reads records that are encoded as the build encodes them, and recognises others.

The canonical bytes of a record are those that ``example_encoder`` writes for its eleven
features. Other programs write the same features in another order or form; the
fingerprint of a data set is that of the canonical bytes, so it does not depend on that.

A record in canonical form is parsed by its known layout: to find that it is canonical
and its values takes 10 µs, to parse it as any tf.train.Example 13 and to encode that 4.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

from indexed_imagenet.transforms.formats.example_decoder import (
    BYTES,
    INT64,
    decode_example,
)
from indexed_imagenet.transforms.formats.example_encoder import encode_features

# The eleven features of a record, and the kind of each, in the order of the encoding.
KINDS = {
    'image/channels': INT64,
    'image/class/label': INT64,
    'image/class/synset': BYTES,
    'image/class/text': BYTES,
    'image/colorspace': BYTES,
    'image/encoded': BYTES,
    'image/filename': BYTES,
    'image/format': BYTES,
    'image/height': INT64,
    'image/width': INT64,
    'index': INT64,
}
_KEYS_BEFORE_IMAGE = tuple(KINDS)[:5]

# The patterns only find the values; whether they are right is found by encoding them.
_NUMBER = rb'[\x80-\xff]{,9}[\x00-\x7f]'
_BEFORE_IMAGE = re.compile(
    rb'\x0a' + _NUMBER + rb'(.{,2000}?)\x0a' + _NUMBER + rb'\x0a\x0dimage/encoded'
    rb'\x12' + _NUMBER + rb'\x0a' + _NUMBER + rb'\x0a(' + _NUMBER + rb')',
    re.DOTALL,
)
_AFTER_IMAGE = re.compile(
    rb'\x0a.{1,2}?\x0a\x0eimage/filename\x12.{1,2}?\x0a.{1,2}?\x0a(' + _NUMBER + rb')(.*)'
    rb'\x0a.\x0a\x0cimage/format\x12.\x0a.\x0a\x04JPEG'
    rb'\x0a.\x0a\x0cimage/height\x12.\x1a.\x0a.(' + _NUMBER + rb')'
    rb'\x0a.\x0a\x0bimage/width\x12.\x1a.\x0a.(' + _NUMBER + rb')'
    rb'\x0a.\x0a\x05index\x12.\x1a.\x0a.(' + _NUMBER + rb')',
    re.DOTALL,
)


@functools.lru_cache(maxsize=1 << 12)
def _number(varint: bytes) -> int:
    value = 0
    for place, byte in enumerate(varint):
        value |= (byte & 0x7F) << 7 * place
    return value - (1 << 64) if value >> 63 else value


@functools.lru_cache(maxsize=1 << 12)
def _decode_before_image(entries: bytes) -> dict[str, Any] | None:
    """Parses the features of a class; None if they are not the five."""
    length = len(entries)
    if length >= 1 << 14:
        return None
    head = bytes([length & 0x7F | 0x80, length >> 7])
    try:
        features = decode_example(b'\x0a' + head + entries)
    except ValueError:
        return None
    if tuple(features) != _KEYS_BEFORE_IMAGE:
        return None
    for key, feature in features.items():
        if feature.kind != KINDS[key] or len(feature.values) != 1:
            return None
    return {key: feature.values[0] for key, feature in features.items()}


def read_canonical(payload: bytes) -> dict[str, Any] | None:
    """Parses a record that is in canonical form.

    Args:
      payload: the record.

    Returns:
      The value of each of the eleven features by its key, in the order of the encoding;
      None for any other record.
    """
    before = _BEFORE_IMAGE.match(payload)
    known = before and _decode_before_image(before[1])
    if not before or not known:
        return None
    begin = before.end()
    end = begin + _number(before[2])
    if not begin <= end <= len(payload):
        return None
    after = _AFTER_IMAGE.fullmatch(payload, end)
    if not after:
        return None
    values = {
        **known,
        'image/encoded': payload[begin:end],
        'image/filename': after[2],
        'image/format': b'JPEG',
        'image/height': _number(after[3]),
        'image/width': _number(after[4]),
        'index': _number(after[5]),
    }
    return values if is_canonical(payload, values) else None


def is_canonical(payload: bytes, values: Mapping[str, Any]) -> bool:
    """Returns whether a record is in canonical form.

    Args:
      payload: the record.
      values: the value of each of its features by its key.
    """
    before, image, after = encode_features(values)
    # A record that begins like this has its image next, so that need not be compared.
    return (
        len(payload) == len(before) + len(image) + len(after)
        and payload.startswith(before)
        and payload.endswith(after)
    )
