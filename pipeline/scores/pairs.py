"""Reads what Feldman and Zhang published of influence: pairs, and matrices by class.

Their page gives two kinds of npz file, which count examples by the published index:

| file | arrays |
|---|---|
| high-influence pairs | ``tr_idx``, ``tt_idx``, ``infl``, ``mem``: one row per pair |
| matrices by class | ``tr_classidx_K``, ``tt_classidx_K``, ``infl_matrix_classK`` |
"""

import dataclasses
import io
import os
import re
import zipfile
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from indexed_imagenet.errors import JoinError
from indexed_imagenet.scores.tables import open_table
from indexed_imagenet.text import error_text, first_of
from indexed_imagenet.transforms.formats.safe_npz import member_keys, read_member
from indexed_imagenet.transforms.storage.atomic import atomic_write

PAIR_KEYS = ('tr_idx', 'tt_idx', 'infl', 'mem')
_MATRIX = re.compile(r'infl_matrix_class_?(\d+)')
_AUX_KEYS = ('subsample_idx', 'correctness_train')


@dataclasses.dataclass(frozen=True, slots=True)
class PublishedPairs:
    """Pairs of a training example and a validation example that it influences.

    Attributes:
      train, test: the published indices of the two, int64, shape [pairs].
      influence: of the first on the second, float64, shape [pairs].
      memorization: of the training example, float64, shape [pairs].
    """

    train: np.ndarray
    test: np.ndarray
    influence: np.ndarray
    memorization: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class ClassInfluence:
    """The influence of a class's training examples on its validation examples.

    Attributes:
      label: as in the keys of the file.
      train, test: published indices, int64, shapes [a] and [b].
      influence: float, shape [a, b].
    """

    label: int
    train: np.ndarray
    test: np.ndarray
    influence: np.ndarray


def recognise(keys: Collection[str]) -> str | None:
    """Returns what a file holds that is not one value per example, and what reads it."""
    if set(PAIR_KEYS) <= set(keys):
        return (
            'the published table of influence pairs; '
            'indexed_imagenet.estimators.read_pairs() reads it'
        )
    if any(_MATRIX.fullmatch(key) for key in keys):
        return (
            'influence matrices by class; '
            'indexed_imagenet.estimators.read_class_influence() reads it'
        )
    if set(_AUX_KEYS) <= set(keys):
        return (
            'the arrays of one training run; '
            'indexed_imagenet.estimators.read_aux_arrays() reads those of all runs'
        )
    return None


def _read(
    archive: zipfile.ZipFile, key: str, kinds: str, shape: tuple[int, ...] | int
) -> np.ndarray:
    """Reads an array of given kinds, and of a shape or a number of dimensions."""
    array = read_member(archive, key)
    if isinstance(array, list) or array.dtype.kind not in kinds:
        raise JoinError(f'{key!r} does not hold numbers of the expected kind ({kinds})')
    fits = array.ndim == shape if isinstance(shape, int) else array.shape == shape
    if not fits:
        expected = f'{shape} dimension' if isinstance(shape, int) else shape
        raise JoinError(f'{key!r} has shape {array.shape} (expected {expected})')
    if kinds == 'iu' and array.size and array.min() < 0:
        raise JoinError(f'{key!r} has the index {array.min()} (expected at least 0)')
    return array


def read_pairs(path: str | os.PathLike[str]) -> PublishedPairs:
    """Reads ``imagenet_high_infl_pairs_infl0.15_mem0.25.npz``, or one like it.

    Raises:
      JoinError: the file is something else.
    """
    try:
        with open_table(os.fspath(path)) as file, zipfile.ZipFile(file) as archive:
            missing = set(PAIR_KEYS) - set(member_keys(archive))
            if missing:
                raise JoinError(f'it has no {first_of(sorted(missing))}')
            train = _read(archive, 'tr_idx', 'iu', 1)
            test = _read(archive, 'tt_idx', 'iu', train.shape)
            infl, mem = (_read(archive, key, 'f', train.shape) for key in PAIR_KEYS[2:])
    except JoinError as error:
        raise JoinError(f'{path} does not hold influence pairs: {error}') from error
    except Exception as error:  # a stranger's file may fail in any way
        raise JoinError(f'{path} cannot be read: {error_text(error)}') from error
    return PublishedPairs(train.astype(np.int64), test.astype(np.int64), infl, mem)


def write_pairs(path: str | os.PathLike[str], pairs: PublishedPairs) -> None:
    """Writes pairs under the published keys; ``read_pairs`` reads them.

    Raises:
      OSError: the file cannot be written.
    """
    file = io.BytesIO()
    arrays = (pairs.train, pairs.test, pairs.influence, pairs.memorization)
    named: Any = dict(zip(PAIR_KEYS, arrays, strict=True))
    np.savez(file, **named)
    folder = os.path.dirname(os.fspath(path)) or '.'
    atomic_write(os.fspath(path), file.getbuffer(), folder)


def read_class_influence(path: str | os.PathLike[str]) -> Iterator[ClassInfluence]:
    """Yields the influence matrix of each class in a file, one in memory at a time.

    Raises:
      JoinError: the file is something else.
    """
    try:
        with open_table(os.fspath(path)) as file, zipfile.ZipFile(file) as archive:
            keys = member_keys(archive)
            labels = {int(found[1]): key for key in keys if (found := _MATRIX.match(key))}
            if not labels:
                raise JoinError('it has no infl_matrix_class…')
            for label, key in sorted(labels.items()):
                train = _read(archive, f'tr_classidx_{label}', 'iu', 1)
                test = _read(archive, f'tt_classidx_{label}', 'iu', 1)
                matrix = _read(archive, key, 'f', (len(train), len(test)))
                yield ClassInfluence(
                    label, train.astype(np.int64), test.astype(np.int64), matrix
                )
    except JoinError as error:
        raise JoinError(f'{path} does not hold influence by class: {error}') from error
    except Exception as error:  # a stranger's file may fail in any way
        raise JoinError(f'{path} cannot be read: {error_text(error)}') from error
