"""Publishes scores so that the next person can join them: with index, names and sign."""

import csv
import io
import json
import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from indexed_imagenet.errors import JoinError
from indexed_imagenet.scores.tables import ABOUT_KEY, about_path
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.build_id import digest_index
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.storage.atomic import atomic_write

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset

FORMAT = 'indexed-imagenet scores 1'
_RESERVED = ('format', 'index', 'filenames', 'labels', 'about')


def names_digest(dataset: 'IndexedDataset') -> str:
    """Returns the sha256 of the index's file names, as a manifest has it."""
    if dataset.manifest is not None:
        return dataset.manifest.build_id.names
    encoded = np.char.encode(dataset.filenames, 'utf-8')
    digest, _ = digest_index(SplitIndex(encoded, dataset.labels.astype(np.int16)))
    return digest


def _about(
    dataset: 'IndexedDataset', names: list[str], higher_is: str | None
) -> dict[str, Any]:
    return {
        'format': FORMAT,
        'split': dataset.split,
        'names': names_digest(dataset),
        'fingerprint': dataset.fingerprint,
        'scores': names,
        'higher_is': higher_is,
    }


def save_scores(
    dataset: 'IndexedDataset',
    path: str | os.PathLike[str],
    scores: Mapping[str, Any],
    higher_is: str | None,
) -> None:
    """Writes scores with the index, file name and label of each example.

    Args:
      dataset: the values are aligned to its index.
      path: ends in ``.npz``, ``.csv`` or ``.parquet``. A CSV has no place for sign and
        fingerprint, so they go to a file beside it, ``….csv.json``.
      scores: arrays by name, shape [length of the index] each; lists of lists only to
        CSV (in JSON) and parquet.
      higher_is: what a higher score means, for example ``'harder'``; readers of
        published scores guess the sign wrong.

    Raises:
      JoinError: a length does not fit, or a name is taken.
      OSError: the file cannot be written.
    """
    target = os.fspath(path)
    arrays = {name: _as_array(values) for name, values in scores.items()}
    for name, array in arrays.items():
        if name in _RESERVED:
            raise JoinError(f'{name!r} is a name of the format (choose another)')
        if len(array) != len(dataset):
            raise JoinError(
                f'{name} has {len(array):,} values (expected {len(dataset):,}, one per '
                'index)'
            )
    if not arrays:
        raise JoinError('there are no scores to save')
    about = json.dumps(_about(dataset, list(arrays), higher_is))
    columns = {
        'index': np.arange(len(dataset)),
        'filenames': dataset.filenames,
        'labels': dataset.labels,
        **arrays,
    }
    writers = {'.npz': _npz, '.csv': _csv, '.parquet': _parquet}
    ending = pathlib.PurePath(target).suffix.lower()
    if ending not in writers:
        raise JoinError(
            f'{target} has the ending {ending!r} (expected {", ".join(writers)})'
        )
    folder = storage.parent(target)
    content = writers[ending](columns, about)
    if ending == '.csv':
        atomic_write(about_path(target), about.encode(), folder)
    atomic_write(target, content, folder)


def _as_array(values: Any) -> np.ndarray:
    """Returns an array; of lists, one of objects, shape [n]."""
    if isinstance(values, list) and any(isinstance(item, list) for item in values):
        array = np.empty(len(values), object)
        array[:] = values
        return array
    return np.asarray(values)


def _npz(columns: Mapping[str, np.ndarray], about: str) -> bytes:
    for name, array in columns.items():
        if array.dtype == object:
            raise JoinError(
                f'{name} holds lists or gaps, which an npz file cannot hold without '
                'pickles; write .csv or .parquet'
            )
    file = io.BytesIO()
    arrays: Any = {**columns, 'filenames': np.char.encode(columns['filenames'], 'utf-8')}
    np.savez(file, about=np.array(about), **arrays)
    return file.getvalue()


def _csv(columns: Mapping[str, np.ndarray], about: str) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(columns)
    lists = [[_field(item) for item in array.tolist()] for array in columns.values()]
    writer.writerows(zip(*lists, strict=True))
    return file.getvalue().encode()


def _field(item: Any) -> Any:
    return json.dumps(item) if isinstance(item, list) else item


def _parquet(columns: Mapping[str, np.ndarray], about: str) -> bytes:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({name: array.tolist() for name, array in columns.items()})
    table = table.replace_schema_metadata({ABOUT_KEY: about})
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()
