"""Checks one record: its features, its image, its name and class.

A fault is reported as the value found and the value expected.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from indexed_imagenet.text import counted, printable
from indexed_imagenet.transforms.formats.canonical_record import KINDS
from indexed_imagenet.transforms.formats.example_decoder import Feature
from indexed_imagenet.transforms.formats.example_encoder import Label
from indexed_imagenet.transforms.images.check_image import (
    InvalidImageError,
    check_image,
)
from indexed_imagenet.transforms.index_table import IndexTable

_CONSTANT = {'image/channels': 3, 'image/colorspace': b'RGB', 'image/format': b'JPEG'}


@dataclasses.dataclass(frozen=True, slots=True)
class RecordSpec:
    """What records are compared with, besides themselves.

    Attributes:
      num_examples: length of the index, None if it is not known.
      labels: the class of each label, from 0; None if it is not known.
      check: how thoroughly images are looked at, one of ``CHECKS``.
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
        """Returns name and label (from 0) of an example."""
        row = self._row[index]
        return bytes(self._table.names[row]), int(self._table.labels[row])


def check_form(features: Mapping[str, Feature]) -> Iterator[str]:
    """Reports features that are missing, unknown, or of the wrong kind.

    Args:
      features: of one record, by key.
    """
    for key in sorted(KINDS.keys() - features.keys()):
        yield f'{key} is missing (expected one {KINDS[key]} value)'
    for key in sorted(features.keys() - KINDS.keys()):
        unknown = repr(printable(key))
        yield f'unknown feature {unknown} (expected only the eleven of the format)'
    for key, kind in KINDS.items():
        feature = features.get(key)
        if feature and (feature.kind != kind or len(feature.values) != 1):
            found = counted(len(feature.values), f'{feature.kind} value')
            yield f'{key} has {found} (expected one {kind} value)'


def _differs(key: str, found: object, expected: object, source: str) -> Iterator[str]:
    if found != expected:
        shown = [
            repr(printable(value)) if isinstance(value, bytes) else value
            for value in (found, expected)
        ]
        yield f'{key} is {shown[0]} (expected {shown[1]} {source})'


def _check_image(values: Mapping[str, Any], check: str) -> Iterator[str]:
    try:
        image = check_image(values['image/encoded'], check)
    except InvalidImageError as error:
        yield f'image/encoded: {printable(str(error))} (expected a whole JPEG)'
        return
    if image.converted_from:
        yield (
            f'image/encoded is a {image.converted_from} image (expected a JPEG of one or '
            'three components)'
        )
    for key, size in (('height', image.height), ('width', image.width)):
        key = f'image/{key}'
        yield from _differs(key, values[key], size, 'as in the image')


def check_values(
    values: Mapping[str, Any], spec: RecordSpec, names: NamesByIndex | None
) -> Iterator[str]:
    """Reports values of a record that are wrong.

    Args:
      values: the value of each of the eleven features, by key.
      spec: what they are compared with.
      names: the index, if it is known.
    """
    for key, constant in _CONSTANT.items():
        yield from _differs(key, values[key], constant, 'as in every record')
    yield from _check_image(values, spec.check)
    index, label = values['index'], values['image/class/label']
    if index < 0 or (spec.num_examples is not None and index >= spec.num_examples):
        most = 'more' if spec.num_examples is None else spec.num_examples - 1
        yield f'index is {index} (expected 0 to {most})'
    elif names:
        name, expected_label = names[index]
        source = 'as in the index file'
        yield from _differs('image/filename', values['image/filename'], name, source)
        yield from _differs('image/class/label', label, expected_label + 1, source)
    if spec.labels is None:
        return
    if not 1 <= label <= len(spec.labels):
        yield f'image/class/label is {label} (expected 1 to {len(spec.labels)})'
        return
    expected = spec.labels[label - 1]
    for key, text in (('synset', expected.synset), ('text', expected.text)):
        key, encoded = f'image/class/{key}', text.encode()
        yield from _differs(key, values[key], encoded, f'for label {label}')
