"""Checks what only all shards of a split together can show.

Each example exactly once, none missing but those that the manifest declares,
every one in its place, and the manifest's and the offsets's own words.
"""

import collections
import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np

from indexed_imagenet.text import printable
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.manifest import (
    Manifest,
    manifest_path,
    read_manifest,
)
from indexed_imagenet.transforms.formats.offsets import (
    ABSENT,
    RecordOffsets,
    offsets_path,
    read_offsets,
)
from indexed_imagenet.transforms.formats.shard_info import RECORD_DTYPE, digest_records
from indexed_imagenet.transforms.formats.tfrecord import OVERHEAD
from indexed_imagenet.transforms.reduce import ReduceGlobally
from indexed_imagenet.transforms.shuffle_rows import Shuffle
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.verify.shard import (
    LOCATED_RECORD_DTYPE,
    Fault,
    ShardFindings,
)

# Cases of one fault that are told; the others are counted.
_CASES = 3
# Faults of a split that are told; the others are counted.
_TOLD = 100


@dataclasses.dataclass(frozen=True)
class SplitSpec:
    """What a split as a whole is held against.

    Attributes:
      split: ``train`` or ``validation``.
      directory: where its shards, manifest and offsets are.
      num_examples: length of the index, None if that is not known.
      has_manifest: whether there is a manifest.
      faults: what was found before any shard was read.
    """

    split: str
    directory: str
    num_examples: int | None
    has_manifest: bool
    faults: tuple[Fault, ...]


def _first(cases: Sequence[object]) -> str:
    shown = ', '.join(map(str, cases[:_CASES]))
    more = len(cases) - _CASES
    return f'{shown} and {more:,} more' if more > 0 else shown


def _gather(findings: Sequence[ShardFindings]) -> tuple[np.ndarray, np.ndarray]:
    """All records in the order of the shards, and the number of the shard of each."""
    placed = [f.placed for f in findings] or [np.empty(0, LOCATED_RECORD_DTYPE)]
    numbers = [np.full(len(f.placed), f.task.number, np.int32) for f in findings]
    return np.concatenate(placed), np.concatenate([np.empty(0, np.int32), *numbers])


def _check_once(
    findings: Sequence[ShardFindings], placed: np.ndarray, shards: np.ndarray
) -> Iterator[Fault]:
    """Finds indices that several records have."""
    paths = {f.task.number: f.task.path for f in findings}
    order = np.argsort(placed['index'], kind='stable')
    index = placed['index'][order]
    again = np.flatnonzero((index[1:] == index[:-1]) & (index[1:] >= 0))
    for case in again.tolist():
        first, second = order[case], order[case + 1]
        where = (
            f'{paths[int(shards[first])]} at byte {int(placed["offset"][first]):,} has '
            'it too, expected each index once'
        )
        offset = int(placed['offset'][second])
        yield Fault(paths[int(shards[second])], offset, int(index[case]), where)


def _check_all_there(
    index: np.ndarray, rules: SplitSpec, manifest: Manifest | None, unread: int
) -> Iterator[Fault]:
    """Finds indices that no record has, or that were declared to be absent."""
    if rules.num_examples is None:
        return
    there = np.zeros(rules.num_examples, bool)
    there[index[(index >= 0) & (index < rules.num_examples)]] = True
    declared = np.zeros(rules.num_examples, bool)
    if manifest:
        absent = np.array(manifest.missing + manifest.skipped, np.int64)
        declared[absent[absent < rules.num_examples]] = True
    missing = np.flatnonzero(~there & ~declared).tolist()
    path = rules.directory
    if missing:
        so_far = f' ({unread} shard(s) could not be read to the end)' if unread else ''
        yield Fault(
            path,
            -1,
            -1,
            f'{len(missing):,} of {rules.num_examples:,} {rules.split} examples are in '
            f'no record: index {_first(missing)}; expected each to be there, or declared '
            f'to be absent in a manifest{so_far}',
        )
    for case in np.flatnonzero(there & declared).tolist():
        what = 'it is there, but the manifest declares it to be absent'
        yield Fault(manifest_path(path, rules.split), -1, case, what)


def _check_places(
    findings: Sequence[ShardFindings], build_id: BuildId
) -> Iterator[Fault]:
    """Finds records that the seeded shuffle has elsewhere."""
    shuffle = Shuffle(build_id.num_examples, build_id.num_shards, build_id.shuffle_seed)
    for found in findings:
        index = found.placed['index']
        known = (index >= 0) & (index < build_id.num_examples)
        placed = found.placed[known]
        shards = shuffle.shards(placed['index'])
        path, number = found.task.path, found.task.number
        for case in np.flatnonzero(shards != number).tolist():
            what = f'it is in shard {number}, expected in shard {int(shards[case])}'
            yield Fault(
                path, int(placed['offset'][case]), int(placed['index'][case]), what
            )
        ranks = shuffle.ranks(placed['index'])
        for case in np.flatnonzero(np.diff(ranks) < 0).tolist():
            before = int(placed['index'][case])
            what = f'it stands after index {before}, expected before it'
            offset = int(placed['offset'][case + 1])
            yield Fault(path, offset, int(placed['index'][case + 1]), what)


def _totals(findings: Sequence[ShardFindings], placed: np.ndarray) -> dict[str, Any]:
    """What a manifest says of all records, by the names of its fields."""
    content = placed[list(RECORD_DTYPE.names)].astype(RECORD_DTYPE)
    in_order = content[np.argsort(content['index'], kind='stable')]
    return {
        'examples': len(placed),
        'bytes': int(placed['length'].sum()) + OVERHEAD * len(placed),
        'classes': len({label for found in findings for label, _, _ in found.classes}),
        'fingerprint': digest_records(in_order),
    }


def _check_manifest(
    totals: dict[str, Any], manifest: Manifest, path: str
) -> Iterator[Fault]:
    for name, expected in totals.items():
        found = getattr(manifest, name)
        if found != expected:
            what = f'{name} is {found}, expected {expected} as in the shards'
            yield Fault(path, -1, -1, what)


def _check_offsets(
    placed: np.ndarray, shards: np.ndarray, num_examples: int, path: str
) -> Iterator[Fault]:
    if files.size(path) is None:
        yield Fault(path, -1, -1, 'it is not there, expected beside the manifest')
        return
    try:
        offsets = read_offsets(path)
    except (OSError, ValueError) as error:
        yield Fault(path, -1, -1, f'cannot be read: {printable(str(error))}')
        return
    if len(offsets.shard) != num_examples:
        what = f'its length is {len(offsets.shard)}, expected {num_examples}'
        yield Fault(path, -1, -1, what)
        return
    known = (placed['index'] >= 0) & (placed['index'] < num_examples)
    placed, shards = placed[known], shards[known]
    for name in RecordOffsets._fields:
        found = getattr(offsets, name)
        expected = np.zeros_like(found)
        if name == 'shard':
            expected.fill(ABSENT)
        expected[placed['index']] = shards if name == 'shard' else placed[name]
        wrong = np.flatnonzero(found != expected)
        if len(wrong):
            first = int(wrong[0])
            yield Fault(
                path,
                -1,
                first,
                f'{name} is {int(found[first])}, expected {int(expected[first])} as in '
                f'the shards ({len(wrong):,} such value(s))',
            )


def _check_classes(findings: Sequence[ShardFindings], path: str) -> Iterator[Fault]:
    """Finds labels that have several synsets or texts."""
    said = collections.defaultdict(set)
    for found in findings:
        for label, synset, text in found.classes:
            said[label].add((printable(synset), printable(text)))
    for label in sorted(label for label, of in said.items() if len(of) > 1):
        cases = ' and '.join(f'{synset} ({text})' for synset, text in sorted(said[label]))
        what = f'label {label} is {cases}, expected one synset and text'
        yield Fault(path, -1, -1, what)


def _check_whole(
    findings: Sequence[ShardFindings],
    placed: np.ndarray,
    shards: np.ndarray,
    rules: SplitSpec,
    manifest: Manifest | None,
) -> Iterator[Fault]:
    directory, split = rules.directory, rules.split
    unread = sum(not found.is_read for found in findings)
    yield from _check_once(findings, placed, shards)
    yield from _check_all_there(placed['index'], rules, manifest, unread)
    yield from _check_classes(findings, directory)
    if not manifest:
        return
    yield from _check_places(findings, manifest.build_id)
    if unread:
        return  # what was not read is in neither, and has been told
    path = manifest_path(directory, split)
    yield from _check_manifest(_totals(findings, placed), manifest, path)
    path = offsets_path(directory, split)
    yield from _check_offsets(placed, shards, manifest.build_id.num_examples, path)


def verify_split(findings: Iterable[ShardFindings], rules: SplitSpec) -> dict[str, Any]:
    """Checks a split as a whole.

    Args:
      findings: of each of its shards.
      rules: what it is held against.

    Returns:
      What the launcher tells: counts, fingerprint, the number of faults, and the
      first of them as text.
    """
    findings = sorted(findings, key=lambda found: found.task.number)
    directory, split = rules.directory, rules.split
    manifest = read_manifest(directory, split) if rules.has_manifest else None
    placed, shards = _gather(findings)
    faults = [*rules.faults, *(fault for found in findings for fault in found.faults)]
    count = len(rules.faults) + sum(found.num_faults for found in findings)
    for fault in _check_whole(findings, placed, shards, rules, manifest):
        count += 1
        if len(faults) < _TOLD:
            faults.append(fault)
    return {
        **_totals(findings, placed),
        'shards': len(findings),
        'num_faults': count,
        'faults': [str(fault) for fault in faults[:_TOLD]],
        'missing': len(manifest.missing) if manifest else 0,
        'skipped': len(manifest.skipped) if manifest else 0,
    }


def write_report(findings: Iterable[ShardFindings], rules: SplitSpec, path: str) -> str:
    """Checks a split as a whole, and writes what was found for the launcher.

    Returns:
      The path.
    """
    with files.create(path) as file:
        file.write(json.dumps(verify_split(findings, rules)).encode())
    return path


class VerifySplit(beam.PTransform):
    """Takes the ``ShardFindings`` of one split, writes the report on all of it."""

    def __init__(self, rules: SplitSpec, report_path: str):
        super().__init__()
        self._rules = rules
        self._path = report_path

    def expand(self, findings):
        return findings | 'Check the whole and report' >> ReduceGlobally(
            write_report, self._rules, self._path
        )
