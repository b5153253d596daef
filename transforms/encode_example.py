"""Encodes one tf.train.Example, byte for byte as protobuf would.

The message is small and its keys are fixed, so its wire form is put together
directly around the image bytes, keys in sorted order, which is what
``SerializeToString(deterministic=True)`` gives. Tests hold it against
TensorFlow's own. Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Sequence
from typing import NamedTuple

from transforms.load_picture import Picture

# Part of a build's identity: to be raised by whoever changes the bytes of records.
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
    """The labels of a sorted list of synsets, numbered from 1."""
    numbers = range(1, len(synsets) + 1)
    return list(map(Label, numbers, synsets, texts))


def _varint(value: int) -> bytes:
    """A whole number from 0, seven bits a byte, lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _field(number: int, content: bytes) -> bytes:
    """A field whose content goes by its length (wire type 2)."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _entry(key: str, feature: bytes) -> bytes:
    """One entry of the map in Features."""
    return _field(1, _field(1, key.encode()) + _field(2, feature))


def _bytes_entry(key: str, value: bytes) -> bytes:
    return _entry(key, _field(1, _field(1, value)))


def _int64_entry(key: str, value: int) -> bytes:
    return _entry(key, _field(3, _field(1, _varint(value))))


def _entry_head(key: str, length: int) -> bytes:
    """All of a bytes entry that stands before its value of that length."""
    value_head = b'\x0a' + _varint(length)
    list_head = b'\x0a' + _varint(len(value_head) + length)
    feature_length = len(list_head) + len(value_head) + length
    feature_head = b'\x12' + _varint(feature_length)
    head = _field(1, key.encode()) + feature_head + list_head + value_head
    return b'\x0a' + _varint(len(head) + length) + head


_COLORSPACE = _bytes_entry('image/colorspace', b'RGB')
_FORMAT = _bytes_entry('image/format', b'JPEG')
_CHANNELS = _int64_entry('image/channels', 3)


class ExampleEncoder:
    """Encodes records; what depends on the class alone is encoded once."""

    def __init__(self, labels: Sequence[Label]):
        self._heads = [
            _CHANNELS
            + _int64_entry('image/class/label', label.number)
            + _bytes_entry('image/class/synset', label.synset.encode())
            + _bytes_entry('image/class/text', label.text.encode())
            + _COLORSPACE
            for label in labels
        ]

    def encode(self, index: int, name: bytes, label: int, picture: Picture) -> bytes:
        """One record.

        Args:
          index: the example's position in the index file.
          name: the image's basename.
          label: position of the synset in the sorted list, from 0.
          picture: the image.

        Returns:
          A serialized tf.train.Example of eleven features.
        """
        before = self._heads[label] + _entry_head('image/encoded', len(picture.encoded))
        after = b''.join(
            [
                _bytes_entry('image/filename', name),
                _FORMAT,
                _int64_entry('image/height', picture.height),
                _int64_entry('image/width', picture.width),
                _int64_entry('index', index),
            ]
        )
        length = len(before) + len(picture.encoded) + len(after)
        return b''.join([b'\x0a', _varint(length), before, picture.encoded, after])
