"""Reads tables that others published: npz, npy, CSV, JSON, JSON lines, parquet.

A stranger's file runs no code here: npz and npy go through the safe reader. Sizes are
bounded.
"""

import csv
import io
import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from indexed_imagenet.errors import JoinError
from indexed_imagenet.scores.downloads import MAX_BYTES, Download, fetch, is_url
from indexed_imagenet.scores.names import looks_like_image, stem_of
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.safe_npz import member_keys, read_member

Columns = dict[str, Any]

# Where save_scores says what it wrote: in npz an array, in parquet a key of the metadata.
ABOUT_KEY = 'indexed_imagenet'

_FORMATS = ('npz', 'npy', 'csv', 'tsv', 'json', 'jsonl', 'ndjson', 'parquet')


def _read_bytes(path: str) -> bytes:
    if is_url(path):
        return fetch(path).content
    try:
        size = storage.size(path)
        if size is None:
            raise JoinError(f'{path} does not exist')
        if size > MAX_BYTES:
            raise JoinError(f'{path} has {size:,} bytes (expected at most {MAX_BYTES:,})')
        return storage.read_bytes(path)
    except OSError as error:
        raise JoinError(f'{path} cannot be read: {error_text(error)}') from error


def about_path(path: str) -> str:
    """Returns the file beside a CSV that says what its scores mean."""
    return f'{path}.json'


def read_about(table: Any) -> dict[str, Any]:
    """Returns what ``save_scores`` said of a table; {} of anything else.

    Never fails: a table joins without it.
    """
    if isinstance(table, Download):
        path, content = table.url, table.content
    elif isinstance(table, str | os.PathLike):
        path, content = os.fspath(table), None
    else:
        return {}
    try:
        if path.endswith('.csv'):
            text = _read_bytes(about_path(path)).decode()
        elif path.endswith('.npz'):
            file = open_table(path) if content is None else io.BytesIO(content)
            with file, zipfile.ZipFile(file) as archive:
                text = str(read_member(archive, 'about'))
        else:
            from pyarrow import parquet

            data = _read_bytes(path) if content is None else content
            metadata = parquet.read_schema(io.BytesIO(data)).metadata
            text = metadata[ABOUT_KEY.encode()].decode()
        about = json.loads(text)
    except Exception:  # a stranger's file may fail in any way
        return {}
    return about if isinstance(about, dict) else {}


def open_table(path: str) -> BinaryIO:
    """Opens a file, local or remote, for reading and seeking."""
    if '://' in path:
        return io.BytesIO(_read_bytes(path))
    return open(path, 'rb')


def read_table(table: Any) -> tuple[Columns, str]:
    """Reads a table.

    Args:
      table: a path or URL, or what was downloaded from one; an array of values; or a
        mapping of columns.

    Returns:
      The columns by name (an array without names is ``values``), and what to call the
      table in messages.

    Raises:
      JoinError: it cannot be read, or holds something else than a table.
    """
    if isinstance(table, Download):
        return _parse(table.content, table.url), table.url
    if isinstance(table, str | os.PathLike):
        path = os.fspath(table)
        return _parse(_read_bytes(path), path), path
    if isinstance(table, Mapping):
        return dict(table), 'the table'
    if hasattr(table, 'columns') and hasattr(table, 'to_dict'):  # a data frame
        return {str(key): table[key].to_numpy() for key in table.columns}, 'the table'
    try:
        return {'values': np.asarray(table)}, 'the array'
    except ValueError:  # lists of different lengths
        return {'values': list(table)}, 'the list'


def _parse(data: bytes, path: str) -> Columns:
    ending = path.lower().partition('?')[0].rpartition('.')[2]
    if ending not in _FORMATS:
        raise JoinError(
            f'{path} has the ending {ending!r} (expected one of {", ".join(_FORMATS)})'
        )
    try:
        if ending == 'npz':
            return _read_npz(data)
        if ending == 'npy':
            array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
            return {'values': array}
        if ending in ('csv', 'tsv'):
            return _read_csv(data.decode('utf-8-sig'), '\t' if ending == 'tsv' else ',')
        if ending == 'parquet':
            from pyarrow import parquet

            read = parquet.read_table(io.BytesIO(data)).to_pydict()
            return {key: _as_column(values) for key, values in read.items()}
        return _read_json(data.decode('utf-8-sig'), ending)
    except JoinError:
        raise
    except Exception as error:  # a stranger's file may fail in any way
        raise JoinError(f'{path} cannot be read: {error_text(error)}') from error


def _read_npz(data: bytes) -> Columns:
    columns: Columns = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for key in member_keys(archive):
            member = read_member(archive, key)
            columns[key] = np.array(member) if isinstance(member, list) else member
    return columns


def _read_csv(text: str, delimiter: str) -> Columns:
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    columns: dict[str, list[Any]] = {name: [] for name in rows.fieldnames or ()}
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise JoinError(f'line {number} does not have {len(columns)} fields')
        for name, value in row.items():
            columns[name].append(value)
    return {name: as_numbers(values) for name, values in columns.items()}


def as_numbers(texts: list[str]) -> Any:
    """Returns texts as numbers, or as lists, if all of them are such."""
    for kind in (np.int64, np.float64):
        try:
            return np.array(texts, kind)
        except (ValueError, OverflowError):
            continue
    try:
        return np.array([float(text) if text.strip() else np.nan for text in texts])
    except ValueError:
        pass
    try:
        return [_as_list(text) for text in texts]
    except ValueError:
        return np.array(texts)


def _as_list(text: str) -> list[Any]:
    """Returns the list in a field: ``415, 813``, or in JSON as ``save_scores`` writes it.

    Raises:
      ValueError: it holds something else.
    """
    if text.startswith('['):
        items = json.loads(text)
        if isinstance(items, list):
            return items
    return [int(number) for number in text.split(',')] if text.strip() else []


def _read_json(text: str, ending: str) -> Columns:
    if ending in ('jsonl', 'ndjson'):
        content = [json.loads(line) for line in text.splitlines() if line.strip()]
    else:
        content = json.loads(text)
    if isinstance(content, dict):
        if _are_columns(content):
            return {key: _as_column(values) for key, values in content.items()}
        values = _as_column(list(content.values()))
        return {'filename': np.array(list(content)), 'values': values}
    if content and all(isinstance(row, dict) for row in content):
        keys = list(dict.fromkeys(key for row in content for key in row))
        return {key: _as_column([row.get(key) for row in content]) for key in keys}
    return {'values': _as_column(content)}


def _are_columns(content: dict[str, Any]) -> bool:
    """Returns whether an object maps column names to lists, and not images to values.

    Keys that are file names tell: a table of lists by name is as regular as columns.
    """
    if any(looks_like_image(key) or not stem_of(key)[1] for key in content):
        return False
    lengths = {len(v) if isinstance(v, list) else None for v in content.values()}
    return len(lengths) == 1 and None not in lengths


def _as_column(values: list[Any]) -> Any:
    """Returns numbers as an array, texts as an array, and lists as they are."""
    if all(isinstance(value, bool | int | float) or value is None for value in values):
        if any(value is None for value in values):
            return np.array([np.nan if v is None else v for v in values], np.float64)
        return np.array(values)
    if all(isinstance(value, str | bytes) for value in values):
        return np.array(values)
    return values
