"""Encodes one tf.train.Example, byte for byte as protobuf would.

The message is small and its keys are fixed, so its wire form is put together
directly around the image bytes, keys in sorted order, which is what
``SerializeToString(deterministic=True)`` gives. Tests compare it with
TensorFlow's own. Wire format: https://protobuf.dev/programming-guides/encoding/
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# Part of a build's build_id: to be raised by whoever changes the bytes of records.
RECORD_VERSION = 1


class Label(NamedTuple):
    """What a record says of its class.

    Attributes:
      number: 1 to 1,000; 0 is kept for background.
      synset: for example ``n02119022``.
      text: for example ``red fox, Vulpes vulpes``.
    """

    number: int
    synset: str
    text: str


def make_labels(synsets: Sequence[str], texts: Sequence[str]) -> list[Label]:
    """Returns the labels of a sorted list of synsets, numbered from 1."""
    numbers = range(1, len(synsets) + 1)
    return list(map(Label, numbers, synsets, texts))


def _varint(value: int) -> bytes:
    """Encodes an integer of 64 bits, seven of them per byte, lowest first."""
    value &= 0xFFFFFFFFFFFFFFFF
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


# Tags of the lists that a Feature holds: bytes_list and int64_list.
_BYTES_LIST = b'\x0a'
_INT64_LIST = b'\x1a'


def _entry_head(key: str, list_tag: bytes, length: int) -> bytes:
    """Encodes everything of an entry in Features that comes before its one value.

    Args:
      key: the feature's name.
      list_tag: the tag of its kind of list.
      length: of the encoded value, in bytes.
    """
    key_field = b'\x0a' + _varint(len(key)) + key.encode()
    value_head = b'\x0a' + _varint(length)
    list_head = list_tag + _varint(len(value_head) + length)
    feature_length = len(list_head) + len(value_head) + length
    head = key_field + b'\x12' + _varint(feature_length) + list_head + value_head
    return b'\x0a' + _varint(len(head) + length) + head


# Names and numbers are of a few lengths only.
_known_head = functools.lru_cache(maxsize=1 << 10)(_entry_head)


def _bytes_entry(key: str, value: bytes) -> bytes:
    return _known_head(key, _BYTES_LIST, len(value)) + value


def _int64_entry(key: str, value: int) -> bytes:
    number = _varint(value)
    return _known_head(key, _INT64_LIST, len(number)) + number


_COLORSPACE = _bytes_entry('image/colorspace', b'RGB')
_FORMAT = _bytes_entry('image/format', b'JPEG')
_CHANNELS = _int64_entry('image/channels', 3)


class ExampleEncoder:
    """Encodes records; what depends only on the class is encoded once."""

    def __init__(self, labels: Sequence[Label]):
        self._heads = [
            _CHANNELS
            + _int64_entry('image/class/label', label.number)
            + _bytes_entry('image/class/synset', label.synset.encode())
            + _bytes_entry('image/class/text', label.text.encode())
            + _COLORSPACE
            for label in labels
        ]

    def encode(
        self,
        index: int,
        name: bytes,
        label: int,
        image: bytes,
        height: int,
        width: int,
    ) -> tuple[bytes, bytes, bytes]:
        """Encodes one record.

        Args:
          index: the example's position in the index file.
          name: the image's basename.
          label: position of the synset in the sorted list, from 0.
          image: a JPEG.
          height, width: its size in pixels, as stored.

        Returns:
          A serialized tf.train.Example of eleven features in three parts, the
          image the second of them: to copy it took as long as the encoding of
          everything else.
        """
        before = self._heads[label] + _entry_head(
            'image/encoded', _BYTES_LIST, len(image)
        )
        after = (
            _bytes_entry('image/filename', name)
            + _FORMAT
            + _int64_entry('image/height', height)
            + _int64_entry('image/width', width)
            + _int64_entry('index', index)
        )
        length = len(before) + len(image) + len(after)
        return b'\x0a' + _varint(length) + before, image, after


# Each of these recurs in many records.
_known_int64_entry = functools.lru_cache(maxsize=1 << 12)(_int64_entry)


@functools.lru_cache(maxsize=1 << 12)
def _before_image(channels: int, label: int, *texts: bytes) -> bytes:
    """Encodes the features before the image; ``texts`` are synset, text, colorspace."""
    keys = ('image/class/synset', 'image/class/text', 'image/colorspace')
    return (
        _int64_entry('image/channels', channels)
        + _int64_entry('image/class/label', label)
        + b''.join(map(_bytes_entry, keys, texts))
    )


def encode_features(values: Mapping[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Encodes any values of the eleven features as ``ExampleEncoder`` would.

    Args:
      values: the value of each feature by its key, bytes or int.

    Returns:
      A serialized tf.train.Example in three parts, the image the second of them.
    """
    image = values['image/encoded']
    before = _before_image(
        values['image/channels'],
        values['image/class/label'],
        values['image/class/synset'],
        values['image/class/text'],
        values['image/colorspace'],
    ) + _entry_head('image/encoded', _BYTES_LIST, len(image))
    after = (
        _bytes_entry('image/filename', values['image/filename'])
        + _bytes_entry('image/format', values['image/format'])
        + _known_int64_entry('image/height', values['image/height'])
        + _known_int64_entry('image/width', values['image/width'])
        + _int64_entry('index', values['index'])
    )
    length = len(before) + len(image) + len(after)
    return b'\x0a' + _varint(length) + before, image, after
