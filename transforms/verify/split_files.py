"""Compares the manifest and the offsets of a split with what its shards hold."""

from collections.abc import Iterator, Sequence, Set
from typing import Any

import numpy as np

from indexed_imagenet.text import (
    counted,
    printable,
)
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.build_id import BuildId, digest_index
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.formats.manifest import Manifest
from indexed_imagenet.transforms.formats.offsets import (
    ABSENT,
    PLACE_DTYPES,
    RecordOffsets,
    read_offsets,
)
from indexed_imagenet.transforms.formats.shard_info import RECORD_DTYPE, digest_records
from indexed_imagenet.transforms.formats.tfrecord import OVERHEAD
from indexed_imagenet.transforms.verify.fault import Fault
from indexed_imagenet.transforms.verify.findings import ShardFindings


def _canonical(found: ShardFindings) -> np.ndarray:
    """Returns a shard's records in canonical form, dtype ``RECORD_DTYPE``."""
    if found.canonical is not None:
        return found.canonical
    return found.records[list(RECORD_DTYPE.names or ())].astype(RECORD_DTYPE)


def totals_of(findings: Sequence[ShardFindings], records: np.ndarray) -> dict[str, Any]:
    """Returns what a manifest says of all records, by the names of its fields."""
    canonical = [_canonical(found) for found in findings]
    plain = np.concatenate([np.empty(0, RECORD_DTYPE), *canonical])
    in_order = plain[np.argsort(plain['index'], kind='stable')]
    return {
        'examples': len(records),
        'bytes': int(records['length'].sum()) + OVERHEAD * len(records),
        'classes': len({label for found in findings for label, _, _ in found.classes}),
        'fingerprint': digest_records(in_order),
    }


def check_manifest(
    totals: dict[str, Any], manifest: Manifest, path: str
) -> Iterator[Fault]:
    """Compares a manifest with what ``totals_of`` the shards are."""
    for name, expected in totals.items():
        found = getattr(manifest, name)
        if found != expected:
            yield Fault(path, f'{name} is {found} (expected {expected} as in the shards)')


def check_offsets(
    records: np.ndarray,
    shards: np.ndarray,
    manifest: Manifest,
    path: str,
    faulty: Set[int],
) -> Iterator[Fault]:
    """Compares the offsets file with the records, and with the manifest.

    Args:
      records: of all shards, dtype ``LOCATED_RECORD_DTYPE``, shape [n].
      shards: the shard of each, int32, shape [n].
      manifest: has the digests of names and labels.
      path: the offsets file.
      faulty: shards whose indices are not looked at.
    """
    if storage.size(path) is None:
        yield Fault(path, 'missing; a build writes it with the manifest')
        return
    try:
        offsets = read_offsets(path)
    except OSError as error:
        yield Fault(path, f'cannot be read: {printable(str(error))}')
        return
    except ValueError as error:
        what = printable(str(error).removeprefix(path).strip())
        yield Fault(path, what)
        return
    num_examples = manifest.build_id.shuffle.num_examples
    if len(offsets.names) != num_examples:
        what = (
            f'has {counted(len(offsets.names), "entry", "entries")} (expected '
            f'{num_examples:,}, the length of the index)'
        )
        yield Fault(path, what)
        return
    known = (records['index'] >= 0) & (records['index'] < num_examples)
    looked_at = ~belongs_in(manifest.build_id, faulty)
    yield from _check_offset_places(
        records[known], shards[known], offsets, path, looked_at
    )
    index = SplitIndex(offsets.names.unpack(), offsets.label)
    for name, found, expected in zip(
        ('names', 'labels'),
        digest_index(index),
        (manifest.build_id.names, manifest.build_id.labels),
        strict=True,
    ):
        if found != expected:
            what = f'the digest of its {name} is {found} (expected {expected} as in the '
            yield Fault(path, f'{what}manifest)')


def _check_offset_places(
    records: np.ndarray,
    shards: np.ndarray,
    offsets: RecordOffsets,
    path: str,
    looked_at: np.ndarray,
) -> Iterator[Fault]:
    """Compares places with those in the offsets file, of the indices looked at."""
    for name in PLACE_DTYPES:
        found = getattr(offsets, name)
        expected = np.zeros_like(found)
        if name == 'shard':
            expected.fill(ABSENT)
        expected[records['index']] = shards if name == 'shard' else records[name]
        wrong = np.flatnonzero((found != expected) & looked_at)
        if len(wrong):
            first = int(wrong[0])
            what = (
                f'{name} is {int(found[first])} (expected {int(expected[first])} as in '
                f'the shards; {counted(len(wrong), "such value")})'
            )
            yield Fault(path, what, index=first)


def belongs_in(build_id: BuildId, shards: Set[int]) -> np.ndarray:
    """Returns for each index whether it belongs in one of some shards, bool."""
    belongs = np.zeros(build_id.shuffle.num_examples, bool)
    for shard in shards:
        belongs[build_id.shuffle.expected(shard)] = True
    return belongs
