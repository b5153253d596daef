"""Checks one shard file, record by record.

What a record says is compared with its own image, with the index and the label files,
if they are known, and with what the manifest says of the shard.

A damaged shard, one whose checksums are wrong or that cannot be read to its end, is one
fault, however many of its records are damaged.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics

from indexed_imagenet.text import (
    error_text,
    printable,
)
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.canonical_record import (
    KINDS,
    is_canonical,
    read_canonical,
)
from indexed_imagenet.transforms.formats.example_decoder import INT64, decode_example
from indexed_imagenet.transforms.formats.example_encoder import encode_features
from indexed_imagenet.transforms.formats.manifest import ShardEntry
from indexed_imagenet.transforms.formats.shard_info import (
    CHECKS,
    RECORD_DTYPE,
    digest_records,
    digest_rows,
)
from indexed_imagenet.transforms.formats.tfrecord import (
    OVERHEAD,
    CorruptFrame,
    Frame,
    crc32c_of_parts,
    mask,
    read_frames,
)
from indexed_imagenet.transforms.index_table import PackedIndexTable
from indexed_imagenet.transforms.verify.findings import (
    LOCATED_RECORD_DTYPE,
    FaultList,
    ShardFindings,
    ShardTask,
)
from indexed_imagenet.transforms.verify.record import (
    NamesByIndex,
    RecordSpec,
    check_form,
    check_values,
)


def _compare_with_entry(
    entry: ShardEntry, records: np.ndarray, num_bytes: int, rows: str
) -> str:
    """Returns the first difference from the manifest, from which others follow; or ''."""
    digest = digest_records(records[list(RECORD_DTYPE.names or ())])
    found: object
    expected: object
    for what, found, expected in (
        ('has {} records', len(records), entry.records),
        ('the digest of its indices, labels and names is {}', rows, entry.rows),
        ('has {} bytes', num_bytes, entry.bytes),
        ('the digest of its records is {}', digest, entry.digest),
    ):
        if found != expected:
            return f'{what.format(found)} (expected {expected} as in the manifest)'
    return ''


def _values_of(frame: Frame, faults: FaultList) -> tuple[int, dict[str, Any] | None]:
    """Returns what a record says, as far as that can be known.

    Returns:
      The index, −1 if it is not known, and the value of each feature by its key,
      None unless all eleven are as they must be.
    """
    try:
        features = decode_example(frame.payload)
    except ValueError as error:
        features = {}
        found = [f'not a tf.train.Example: {printable(str(error))}']
    else:
        found = list(check_form(features))
    index = -1
    given = features.get('index')
    if given and given.kind == INT64 and len(given.values) == 1:
        [index] = given.values
    if not frame.crc_ok:
        what = (
            f"the data's masked crc32c is {frame.stated:#010x} (expected "
            f'{mask(frame.crc):#010x} for its {len(frame.payload):,} bytes)'
        )
        faults.add_damage(what, frame.offset, index)
        return index, None
    for what in found:
        faults.add(what, frame.offset, index)
    if found:
        return index, None
    return index, {key: features[key].values[0] for key in KINDS}


@dataclasses.dataclass(slots=True)
class _Records:
    """What the records of a shard are, in file order."""

    located: list[tuple[int, int, int, int]]
    rows: list[tuple[int, bytes]]
    classes: set[tuple[int, bytes, bytes]]
    # By position: length and crc32c of the canonical form of those in another form.
    canonical: dict[int, tuple[int, int]]


def _check_record(
    frame: Frame,
    task: ShardTask,
    spec: RecordSpec,
    names: NamesByIndex | None,
    faults: FaultList,
    records: _Records,
) -> None:
    values = read_canonical(frame.payload) if frame.crc_ok else None
    is_known_form = values is not None
    if values is not None:
        index = values['index']
    else:
        index, values = _values_of(frame, faults)
    records.located.append((frame.offset, index, len(frame.payload), frame.crc))
    if values is None:
        records.rows.append((-1, b''))
        return
    if not is_known_form and not is_canonical(frame.payload, values):
        parts = encode_features(values)
        canonical = (sum(map(len, parts)), crc32c_of_parts(parts))
        records.canonical[len(records.located) - 1] = canonical
        if task.entry:
            what = 'not encoded as the build encodes these features (expected its bytes)'
            faults.add(what, frame.offset, index)
    for what in check_values(values, spec, names):
        faults.add(what, frame.offset, index)
    label = values['image/class/label']
    records.rows.append((label - 1, values['image/filename']))
    records.classes.add((label, values['image/class/synset'], values['image/class/text']))


def verify_shard(
    task: ShardTask, spec: RecordSpec, names: NamesByIndex | None
) -> ShardFindings:
    """Checks one shard.

    Args:
      task: the shard.
      spec: what its records are compared with.
      names: the index, if it is known.
    """
    faults = FaultList(task.path)
    found_records = _Records([], [], set(), {})
    end, is_read = 0, True
    try:
        for frame in read_frames(task.path):
            if isinstance(frame, CorruptFrame):
                what = f'{frame.fault}; {frame.unread:,} bytes cannot be read'
                faults.add_damage(what, frame.offset)
                is_read = False
                break
            end = frame.offset + OVERHEAD + len(frame.payload)
            _check_record(frame, task, spec, names, faults, found_records)
    except OSError as error:
        faults.add_damage(f'cannot be read: {error_text(error)}; make it readable')
        is_read = False
    records = np.array(found_records.located, LOCATED_RECORD_DTYPE)
    mismatch = ''
    if task.entry and is_read:
        labels = np.array([label for label, _ in found_records.rows], np.int64)
        digest = digest_rows(
            records['index'], labels, [name for _, name in found_records.rows]
        )
        mismatch = _compare_with_entry(task.entry, records, end, digest)
    canonical = None
    if found_records.canonical:
        canonical = records[list(RECORD_DTYPE.names or ())].astype(RECORD_DTYPE)
        for position, (length, crc) in found_records.canonical.items():
            canonical['length'][position] = length
            canonical['crc32c'][position] = crc
    return ShardFindings(
        task,
        faults.num_faults,
        faults.faults,
        records,
        sorted(found_records.classes),
        is_read,
        faults.is_damaged,
        mismatch,
        canonical,
        len(found_records.canonical),
    )


def checked_name(shard: str, num_records: int) -> str:
    """Returns the name of the empty file that says that a shard was checked."""
    return f'{shard}.{num_records}.checked'


def _note_checked(folder: str, task: ShardTask, num_records: int) -> None:
    """Notes for the launcher's progress display that a shard was checked."""
    name = checked_name(storage.split(task.path)[1], num_records)
    with contextlib.suppress(OSError), storage.create(storage.join(folder, name)):
        pass


class _VerifyShard(beam.DoFn):
    def __init__(self, spec: RecordSpec, notes_folder: str | None):
        self._spec = spec
        self._notes_folder = notes_folder
        self._names: NamesByIndex | None = None
        self._shards = Metrics.counter('verify_shard', 'shards_in')
        self._records = Metrics.counter('verify_shard', 'records_in')

    def start_bundle(self) -> None:
        self._names = None

    def process(
        self, task: ShardTask, packed: PackedIndexTable | None = None
    ) -> Iterator[ShardFindings]:
        if packed is not None and self._names is None:
            self._names = NamesByIndex(packed.unpack())
        findings = verify_shard(task, self._spec, self._names)
        self._shards.inc()
        self._records.inc(len(findings.records))
        if self._notes_folder:
            _note_checked(self._notes_folder, task, len(findings.records))
        yield findings


class VerifyShards(beam.PTransform):
    """Takes ``ShardTask``s, gives the ``ShardFindings`` of each."""

    def __init__(
        self,
        spec: RecordSpec,
        table: beam.pvalue.AsSingleton | None = None,
        notes_folder: str | None = None,
    ):
        """Initializes the transform.

        Args:
          spec: what records are compared with.
          table: the index table, if it is known.
          notes_folder: gets an empty file per shard that was checked, for the progress
            display.
        """
        super().__init__()
        if spec.check not in CHECKS:
            raise ValueError(
                f'check is {spec.check!r} (expected one of {", ".join(CHECKS)})'
            )
        self._spec = spec
        self._notes_folder = notes_folder
        self._side = [] if table is None else [table]

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        return tasks | 'Read and check records' >> beam.ParDo(
            _VerifyShard(self._spec, self._notes_folder), *self._side
        ).with_input_types(ShardTask).with_output_types(ShardFindings)
