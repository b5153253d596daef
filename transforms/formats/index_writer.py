"""Writes an index file for people's own data, in the published form.

The arrays are those of ``imagenet_index.npz``; the README of this room lists what comes
with them. Nothing in the file is a pickle, and the same names give the same bytes.
"""

import dataclasses
import io
import re
from collections.abc import Mapping, Sequence

import numpy as np

from indexed_imagenet.transforms.formats.index_file import (
    BASENAMES,
    CLASS_NAMES_KEY,
    CLASS_TEXTS_KEY,
    NAME_FORM_KEY,
    ORDER_KEY,
    PATHS,
    SPLIT_KEYS,
    SplitIndex,
)

SORTED = 'sorted'
NATURAL = 'natural'
SHUFFLED = 'shuffled'
ORDERS = (SORTED, NATURAL, SHUFFLED)

_DIGITS = re.compile(rb'([0-9]+)')


@dataclasses.dataclass(frozen=True, slots=True)
class NewIndex:
    """An index file to be written.

    Attributes:
      splits: names and labels, by split.
      classes: the name and text of each label.
      name_form: ``BASENAMES`` or ``PATHS``.
      order: how the names are ordered, for people: ``shuffled, seed 7``.
    """

    splits: Mapping[str, SplitIndex]
    classes: Sequence[tuple[str, str]]
    name_form: str
    order: str


def natural_key(name: bytes) -> list[bytes | int]:
    """Returns a key that sorts the numbers in names by value: ``2.png``, ``10.png``.

    >>> sorted([b'10.png', b'2.png'], key=natural_key)
    [b'2.png', b'10.png']
    """
    parts: list[bytes | int] = list(_DIGITS.split(name))
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts


def order_classes(names: Sequence[bytes]) -> list[bytes]:
    """Sorts the names of classes; as numbers if all of them are numbers."""
    if are_numbers(names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def are_numbers(names: Sequence[bytes]) -> bool:
    """Returns whether all names are whole numbers in ASCII digits."""
    return bool(names) and all(name.isdigit() for name in names)


def names_repeat(files: Mapping[bytes, Sequence[bytes]]) -> bool:
    """Returns whether a file name is in two classes.

    Args:
      files: the basenames of each class.
    """
    count = sum(map(len, files.values()))
    return len({name for names in files.values() for name in names}) < count


def order_files(
    files: Mapping[bytes, Sequence[bytes]],
    classes: Sequence[bytes],
    name_form: str,
    order: str,
    seed: int = 0,
) -> SplitIndex:
    """Puts the files of a split in order.

    ``sorted`` and ``natural`` go class by class; ``shuffled`` permutes ``sorted`` with
    ``numpy.random.RandomState(seed)``.

    Args:
      files: the basenames of each class; a class may be absent.
      classes: the names of all classes, by label.
      name_form: ``PATHS`` for names ``class/file``.
      order: one of ``ORDERS``.
      seed: of ``shuffled``.
    """
    names: list[bytes] = []
    labels: list[int] = []
    key = natural_key if order == NATURAL else None
    for label, folder in enumerate(classes):
        prefix = folder + b'/' if name_form == PATHS else b''
        # Bytes break ties: 01.png and 1.png have the same natural key.
        found = sorted(sorted(files.get(folder, ())), key=key)
        names += [prefix + name for name in found]
        labels += [label] * len(found)
    index = SplitIndex(np.array(names, 'S'), np.array(labels, np.int16))
    if order == SHUFFLED:
        places = np.random.RandomState(seed).permutation(len(names))
        index = SplitIndex(index.names[places], index.labels[places])
    return index


def index_file_bytes(index: NewIndex) -> bytes:
    """Returns the content of the index file."""
    if index.name_form not in (BASENAMES, PATHS):
        raise ValueError(f'name_form is {index.name_form!r}')
    arrays: dict[str, np.ndarray] = {}
    for split, content in index.splits.items():
        names_key, labels_key = SPLIT_KEYS[split]
        arrays[names_key] = content.names
        arrays[labels_key] = content.labels.astype(np.int64)
    names, texts = zip(*index.classes, strict=True)
    arrays[CLASS_NAMES_KEY] = np.array([name.encode() for name in names], 'S')
    arrays[CLASS_TEXTS_KEY] = np.array([text.encode() for text in texts], 'S')
    arrays[NAME_FORM_KEY] = np.array([index.name_form.encode()], 'S')
    arrays[ORDER_KEY] = np.array([index.order.encode()], 'S')
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
