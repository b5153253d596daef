"""Data sets that the authors' own builder, or another tool, made: records are looked for.

Such TFRecords have no manifest and no offsets. One parallel scan finds each record, and
keeps what it found beside the shards, or in the user's cache if that cannot be written.
"""

import hashlib
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

import numpy as np

from indexed_imagenet.errors import DatasetError
from indexed_imagenet.readers.example import parse_example
from indexed_imagenet.readers.source import Source
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    SplitIndex,
    read_split_index,
)
from indexed_imagenet.transforms.formats.offsets import (
    ABSENT,
    PLACE_DTYPES,
    RecordOffsets,
    read_offsets,
)
from indexed_imagenet.transforms.formats.packed_names import PackedNames
from indexed_imagenet.transforms.formats.tfrecord import CorruptFrame, read_frames
from indexed_imagenet.transforms.storage.atomic import atomic_write

# Above this, an index that a stranger's record claims is not believed.
_MAX_INDEX = 1 << 28

# (index, offset, length, crc32c, label, file name) of one record.
_Found = tuple[int, int, int, int, int, bytes]


def scan_shard(path: str) -> list[_Found]:
    """Finds the records of one shard file.

    Raises:
      DatasetError: the file is damaged, or holds something else.
    """
    found = []
    for frame in read_frames(path):
        if isinstance(frame, CorruptFrame):
            raise DatasetError(f'{path} at byte {frame.offset:,}: {frame.fault}')
        try:
            example = parse_example(frame.payload)
        except ValueError as error:
            raise DatasetError(
                f'{path} at byte {frame.offset:,}: not a record of an indexed image: '
                f'{error_text(error)}'
            ) from error
        if not frame.crc_ok or not 0 <= example.index < _MAX_INDEX:
            raise DatasetError(
                f'{path} at byte {frame.offset:,}, index {example.index}: the record is '
                'damaged; run indexed-imagenet verify on its directory'
            )
        name = example.filename.encode()
        place = (example.index, frame.offset, len(frame.payload), frame.crc)
        found.append((*place, example.label, name))
    return found


def _scan_all(paths: Sequence[str]) -> Iterator[list[_Found]]:
    from rich.console import Console
    from rich.progress import track

    # Spawned: the process may have threads, TensorFlow's or a store's among them.
    with ProcessPoolExecutor(mp_context=get_context('spawn')) as pool:
        yield from track(
            pool.map(scan_shard, paths),
            f'looking for the records of {len(paths)} files, once',
            total=len(paths),
            console=Console(file=sys.stderr),
        )


def _combine(
    shards: Sequence[list[_Found]], index: SplitIndex | None, paths: Sequence[str]
) -> RecordOffsets:
    largest = max((record[0] for found in shards for record in found), default=-1)
    length = len(index.names) if index else largest + 1
    if largest >= length:
        raise DatasetError(
            f'a record has index {largest}, but the index file has {length} names; give '
            'the index file that belongs to this data set'
        )
    arrays = {name: np.zeros(length, dtype) for name, dtype in PLACE_DTYPES.items()}
    arrays['shard'].fill(ABSENT)
    labels = index.labels.astype('<i2') if index else np.full(length, -1, '<i2')
    names = index.names.tolist() if index else [b''] * length
    for shard, found in enumerate(shards):
        for number, offset, size, crc, label, name in found:
            if arrays['shard'][number] != ABSENT:
                raise DatasetError(
                    f'index {number} is in {paths[int(arrays["shard"][number])]} and in '
                    f'{paths[shard]} (expected once)'
                )
            arrays['shard'][number] = shard
            arrays['offset'][number] = offset
            arrays['length'][number] = size
            arrays['crc32c'][number] = crc
            labels[number], names[number] = label, name
    packed = PackedNames.pack(np.array(names, 'S'))
    return RecordOffsets(**arrays, label=labels, names=packed)


def _state(paths: Sequence[str], index_file: str | None) -> str:
    """Returns a digest that changes when the files change."""
    digest = hashlib.sha256(repr(index_file).encode())
    for path in [*paths, *([index_file] if index_file else [])]:
        if storage.is_local(path):
            status = os.stat(path)
            digest.update(f'{path} {status.st_size} {status.st_mtime_ns}\n'.encode())
        else:
            digest.update(f'{path} {storage.size(path)}\n'.encode())
    return digest.hexdigest()[:16]


def _cache_folders(directory: str) -> list[str]:
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    cache = str(pathlib.Path(home) / 'indexed-imagenet')
    return [directory, cache] if storage.is_local(directory) else [cache]


def _keep(offsets: RecordOffsets, name: str, folders: Sequence[str]) -> None:
    for folder in folders:
        try:
            storage.make_folder(folder)
            atomic_write(storage.join(folder, name), offsets.to_npz(), folder)
            return
        except OSError:
            continue


def _read_kept(name: str, folders: Sequence[str]) -> RecordOffsets | None:
    for folder in folders:
        try:
            return read_offsets(storage.join(folder, name))
        except (OSError, ValueError):
            continue
    return None


def _find_shards(directory: str, split: str) -> list[str]:
    try:
        listed = storage.list_folder(directory).files
    except OSError as error:
        raise DatasetError(f'{directory} cannot be read: {error_text(error)}') from error
    names = sorted(map(storage.os_name, listed))
    paths = [
        storage.join(directory, name) for name in names if layout.is_shard_of(name, split)
    ]
    if not paths:
        raise DatasetError(
            f'{directory} holds no {split} shards ({split}-00000-of-…); give the '
            'directory that a build wrote'
        )
    return paths


def open_scanned(
    directory: str, split: str, index_file: str | None, scan: bool | None
) -> Source:
    """Opens a split without a manifest, and finds its records if nothing is kept.

    Args:
      directory: where the shards are.
      split: ``train`` or ``validation``.
      index_file: gives the length of the index; None for the largest index and one.
      scan: whether it may be read from its beginning to its end; None if it is local.

    Raises:
      DatasetError: there are no shards, they are damaged, they may not be scanned, or
        the scan's processes died.
    """
    paths = _find_shards(directory, split)
    index: SplitIndex | None = None
    if index_file:
        try:
            index = read_split_index(index_file, split)
        except IndexFileError as error:
            raise DatasetError(str(error)) from error
    folders = _cache_folders(directory)
    name = f'.{split}.scanned-{_state(paths, index_file)}.offsets.npz'
    offsets = _read_kept(name, folders)
    if offsets is None:
        if scan is False or (scan is None and not storage.is_local(directory)):
            raise DatasetError(
                f'{directory} has no {split}.json, so its records must be looked for by '
                'reading all of it once; give scan=True'
            )
        try:
            found = list(_scan_all(paths))
        except BrokenProcessPool as error:
            raise DatasetError(
                f'{directory}: the processes that look for its records died; in a '
                "script, open the data set under if __name__ == '__main__':"
            ) from error
        offsets = _combine(found, index, paths)
        _keep(offsets, name, folders)
    if index is None:
        _say(
            f'{directory}: without imagenet_index= the {split} index is taken to have '
            f'{len(offsets.shard):,} names, the largest index and one'
        )
    return Source(split, paths, offsets, None)


def _say(line: Any) -> None:
    print(f'note: {line}', file=sys.stderr)
