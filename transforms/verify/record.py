"""Checks one record: its features, its picture, its name and class.

What is told of a fault is the value found and the value expected.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from indexed_imagenet.text import printable
from indexed_imagenet.transforms.formats.example_decoder import BYTES, INT64, Feature
from indexed_imagenet.transforms.formats.example_encoder import Label
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image
from indexed_imagenet.transforms.index_table import IndexTable

# The eleven features of a record, and the kind of each.
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
_CONSTANT = {'image/channels': 3, 'image/colorspace': b'RGB', 'image/format': b'JPEG'}


@dataclasses.dataclass(frozen=True)
class RecordSpec:
    """What records are held against, besides themselves.

    Attributes:
      num_examples: length of the index, None if that is not known.
      labels: the class of each label, from 0; None if it is not known.
      check: how thoroughly pictures are looked at, one of ``CHECKS``.
    """

    num_examples: int | None
    labels: Sequence[Label] | None
    check: str


class NamesByIndex:
    """The index table, asked by index."""

    def __init__(self, table: IndexTable):
        self._table = table
        self._row = np.empty(len(table.index), np.int32)
        self._row[table.index] = np.arange(len(table.index), dtype=np.int32)

    def __getitem__(self, index: int) -> tuple[bytes, int]:
        """Name and label (from 0) of an example."""
        row = self._row[index]
        return bytes(self._table.names[row]), int(self._table.labels[row])


def check_form(features: dict[str, Feature]) -> Iterator[str]:
    """Says which features are not as they must be, before any value is looked at.

    Args:
      features: of one record, by key.
    """
    for key in sorted(KINDS.keys() - features.keys()):
        yield f'{key} is not there, expected one {KINDS[key]} value'
    for key in sorted(features.keys() - KINDS.keys()):
        yield f'{printable(key)!r} is no feature of a record, expected only eleven'
    for key, kind in KINDS.items():
        feature = features.get(key)
        if feature and (feature.kind != kind or len(feature.values) != 1):
            found = f'{len(feature.values)} {feature.kind} value(s)'
            yield f'{key} has {found}, expected one {kind} value'


def _differs(key: str, found: object, expected: object, source: str) -> Iterator[str]:
    if found != expected:
        shown = [
            repr(printable(value)) if isinstance(value, bytes) else value
            for value in (found, expected)
        ]
        yield f'{key} is {shown[0]}, expected {shown[1]} {source}'


def _check_picture(values: dict, check: str) -> Iterator[str]:
    try:
        picture = check_image(values['image/encoded'], check)
    except InvalidImageError as error:
        yield f'image/encoded: {printable(str(error))}, expected a whole JPEG'
        return
    if picture.converted_from:
        yield (
            f'image/encoded is a {picture.converted_from} picture, expected a JPEG of '
            'one or three components'
        )
    for key, size in (('height', picture.height), ('width', picture.width)):
        key = f'image/{key}'
        yield from _differs(key, values[key], size, 'as in the picture')


def check_values(
    values: dict, rules: RecordSpec, names: NamesByIndex | None
) -> Iterator[str]:
    """Says which values of a record are wrong.

    Args:
      values: the value of each of the eleven features, by key.
      rules: what they are held against.
      names: the index, if it is known.
    """
    for key, expected in _CONSTANT.items():
        yield from _differs(key, values[key], expected, 'as in every record')
    yield from _check_picture(values, rules.check)
    index, label = values['index'], values['image/class/label']
    if index < 0 or (rules.num_examples is not None and index >= rules.num_examples):
        most = 'more' if rules.num_examples is None else rules.num_examples - 1
        yield f'index is {index}, expected 0 to {most}'
    elif names:
        name, expected = names[index]
        source = 'as in the index file'
        yield from _differs('image/filename', values['image/filename'], name, source)
        yield from _differs('image/class/label', label, expected + 1, source)
    if rules.labels is None:
        return
    if not 1 <= label <= len(rules.labels):
        yield f'image/class/label is {label}, expected 1 to {len(rules.labels)}'
        return
    expected = rules.labels[label - 1]
    for key, text in (('synset', expected.synset), ('text', expected.text)):
        key, text = f'image/class/{key}', text.encode()
        yield from _differs(key, values[key], text, f'of label {label}')
