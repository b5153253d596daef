"""Checks what only all shards of a split together can show.

Each example exactly once, none missing but those that the manifest declares, every one
in its place, and what the manifest and the offsets say. What merely follows from a shard
that is faulty itself is not reported.
"""

import collections
import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any

import apache_beam as beam
import numpy as np

from indexed_imagenet.text import (
    MAX_SHOWN_FAULTS_PER_SPLIT,
    MAX_SHOWN_INDICES,
    counted,
    first_of,
    printable,
)
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.layout import manifest_path, offsets_path
from indexed_imagenet.transforms.formats.manifest import Manifest, read_manifest
from indexed_imagenet.transforms.reduce import ReduceGlobally
from indexed_imagenet.transforms.verify.fault import Fault
from indexed_imagenet.transforms.verify.findings import (
    LOCATED_RECORD_DTYPE,
    ShardFindings,
)
from indexed_imagenet.transforms.verify.split_files import (
    belongs_in,
    check_manifest,
    check_offsets,
    totals_of,
)


@dataclasses.dataclass(frozen=True, slots=True)
class SplitSpec:
    """What a split as a whole is compared with.

    Attributes:
      split: ``train`` or ``validation``.
      directory: where its shards, manifest and offsets are.
      num_examples: length of the index, None if it is not known.
      has_manifest: whether there is a manifest.
      faults: what was found before any shard was read.
      remedy: what to do about faults, '' if they say it themselves.
    """

    split: str
    directory: str
    num_examples: int | None
    has_manifest: bool
    faults: tuple[Fault, ...]
    remedy: str = ''


def _gather(findings: Sequence[ShardFindings]) -> tuple[np.ndarray, np.ndarray]:
    """Returns all records in the order of the shards, and the shard of each."""
    records = [f.records for f in findings] or [np.empty(0, LOCATED_RECORD_DTYPE)]
    shards = [np.full(len(f.records), f.task.number, np.int32) for f in findings]
    return np.concatenate(records), np.concatenate([np.empty(0, np.int32), *shards])


def _check_once(
    findings: Sequence[ShardFindings], records: np.ndarray, shards: np.ndarray
) -> Iterator[Fault]:
    """Finds indices that several records have."""
    paths = {f.task.number: f.task.path for f in findings}
    order = np.argsort(records['index'], kind='stable')
    index = records['index'][order]
    again = np.flatnonzero((index[1:] == index[:-1]) & (index[1:] >= 0))
    for case in again.tolist():
        first, second = order[case], order[case + 1]
        what = (
            f'{paths[int(shards[first])]} at byte {int(records["offset"][first]):,} has '
            'it too (expected each index once)'
        )
        offset = int(records['offset'][second])
        yield Fault(paths[int(shards[second])], what, offset, int(index[case]))


def _check_none_missing(
    index: np.ndarray,
    spec: SplitSpec,
    manifest: Manifest | None,
    unread: int,
    faulty: Set[int],
) -> Iterator[Fault]:
    """Finds indices that no record has, or that were declared to be absent.

    Those that belong in a faulty shard are not reported, if the manifest says where
    they belong.
    """
    if spec.num_examples is None:
        return
    present = np.zeros(spec.num_examples, bool)
    present[index[(index >= 0) & (index < spec.num_examples)]] = True
    declared = np.zeros(spec.num_examples, bool)
    if manifest:
        absent = np.array(manifest.missing + manifest.skipped, np.int64)
        declared[absent[absent < spec.num_examples]] = True
    contradicted = np.flatnonzero(present & declared).tolist()
    if manifest and faulty:
        known = min(spec.num_examples, manifest.build_id.shuffle.num_examples)
        declared[:known] |= belongs_in(manifest.build_id, faulty)[:known]
    missing = np.flatnonzero(~present & ~declared).tolist()
    if missing:
        so_far = ''
        if unread:
            so_far = f' ({counted(unread, "shard")} could not be read to the end)'
        what = (
            f'{len(missing):,} of {spec.num_examples:,} {spec.split} examples are in no '
            f'record: index {first_of(missing, most=MAX_SHOWN_INDICES)} (expected each '
            f'to be present, or declared absent in a manifest){so_far}'
        )
        yield Fault(spec.directory, what)
    for case in contradicted:
        what = 'it is present, but the manifest declares it absent'
        yield Fault(manifest_path(spec.directory, spec.split), what, index=case)


def _fault_of(records: np.ndarray, position: int, path: str, what: str) -> Fault:
    record = records[position]
    return Fault(path, what, int(record['offset']), int(record['index']))


def _check_places(
    findings: Sequence[ShardFindings], build_id: BuildId
) -> Iterator[Fault]:
    """Finds records that the seeded shuffle puts elsewhere."""
    shuffle = build_id.shuffle
    for found in findings:
        index = found.records['index']
        records = found.records[(index >= 0) & (index < shuffle.num_examples)]
        shards = shuffle.shards(records['index'])
        path, number = found.task.path, found.task.number

        for case in np.flatnonzero(shards != number).tolist():
            what = f'it is in shard {number} (expected in shard {int(shards[case])})'
            yield _fault_of(records, case, path, what)
        ranks = shuffle.ranks(records['index'])
        for case in np.flatnonzero(np.diff(ranks) < 0).tolist():
            before = int(records['index'][case])
            what = f'it comes after index {before} (expected before it)'
            yield _fault_of(records, case + 1, path, what)


def _check_classes(findings: Sequence[ShardFindings], path: str) -> Iterator[Fault]:
    """Finds labels that have several synsets or texts."""
    texts = collections.defaultdict(set)
    for found in findings:
        for label, synset, text in found.classes:
            texts[label].add((printable(synset), printable(text)))
    for label in sorted(label for label, of in texts.items() if len(of) > 1):
        cases = ' and '.join(
            f'{synset} ({text})' for synset, text in sorted(texts[label])
        )
        yield Fault(path, f'label {label} is {cases} (expected one synset and text)')


def _find_mismatches(
    findings: Sequence[ShardFindings], misplaced: Set[str]
) -> Iterator[Fault]:
    """Finds shards that differ from the manifest for no reason that was reported."""
    for found in findings:
        if found.mismatch and not found.num_faults and found.task.path not in misplaced:
            yield Fault(found.task.path, found.mismatch)


def _faulty_shards(
    findings: Sequence[ShardFindings], paths: Set[str], manifest: Manifest | None
) -> set[int]:
    """Returns the shards that are faulty themselves, or missing.

    What manifest and offsets say of them cannot be compared.

    Args:
      findings: of each shard that exists.
      paths: of shards with faults that only all shards together show.
      manifest: the manifest, if there is one.
    """
    faulty = {
        found.task.number
        for found in findings
        if found.num_faults or found.mismatch or found.task.path in paths
    }
    if manifest:
        present = {found.task.number for found in findings}
        faulty |= set(range(manifest.build_id.shuffle.num_shards)) - present
    return faulty


def _check_whole(
    findings: Sequence[ShardFindings],
    records: np.ndarray,
    shards: np.ndarray,
    spec: SplitSpec,
    manifest: Manifest | None,
) -> Iterator[Fault]:
    directory, split = spec.directory, spec.split
    unread = sum(not found.is_read for found in findings)
    misplaced = list(_check_once(findings, records, shards))
    if manifest:
        misplaced += _check_places(findings, manifest.build_id)
    misplaced += _find_mismatches(findings, {fault.path for fault in misplaced})
    yield from misplaced
    faulty = _faulty_shards(findings, {fault.path for fault in misplaced}, manifest)
    yield from _check_none_missing(records['index'], spec, manifest, unread, faulty)
    yield from _check_classes(findings, directory)
    if not manifest:
        return
    if not faulty:
        path = manifest_path(directory, split)
        yield from check_manifest(totals_of(findings, records), manifest, path)
    path = offsets_path(directory, split)
    yield from check_offsets(records, shards, manifest, path, faulty)


def verify_split(findings: Iterable[ShardFindings], spec: SplitSpec) -> dict[str, Any]:
    """Checks a split as a whole.

    Args:
      findings: of each of its shards.
      spec: what it is compared with.

    Returns:
      What the launcher prints: counts, the number of faults, the first of them as
      text, and the fingerprint if there are none.
    """
    findings = sorted(findings, key=lambda found: found.task.number)
    directory, split = spec.directory, spec.split
    manifest = read_manifest(directory, split) if spec.has_manifest else None
    records, shards = _gather(findings)
    faults = [*spec.faults, *(fault for found in findings for fault in found.faults)]
    count = len(spec.faults) + sum(found.num_faults for found in findings)
    for fault in _check_whole(findings, records, shards, spec, manifest):
        count += 1
        if len(faults) < MAX_SHOWN_FAULTS_PER_SPLIT:
            faults.append(fault)
    totals = totals_of(findings, records)
    if count:
        totals['fingerprint'] = None  # of faulty records it would say nothing
    return {
        **totals,
        'other_form': sum(found.num_other for found in findings),
        'shards': len(findings),
        'num_faults': count,
        'faults': [str(fault) for fault in faults[:MAX_SHOWN_FAULTS_PER_SPLIT]],
        'missing': len(manifest.missing) if manifest else 0,
        'skipped': len(manifest.skipped) if manifest else 0,
    }


def write_report(findings: Iterable[ShardFindings], spec: SplitSpec, path: str) -> str:
    """Checks a split as a whole, and writes what was found for the launcher.

    Returns:
      The path.
    """
    with storage.create(path) as file:
        file.write(json.dumps(verify_split(findings, spec)).encode())
    return path


class VerifySplit(beam.PTransform):
    """Takes the ``ShardFindings`` of one split, writes the report on all of it."""

    def __init__(self, spec: SplitSpec, report_path: str):
        super().__init__()
        self._spec = spec
        self._path = report_path

    def expand(self, findings: beam.PCollection) -> beam.PCollection:
        return findings | 'Check the whole and report' >> ReduceGlobally(
            write_report, self._spec, self._path
        )
