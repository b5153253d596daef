"""Checks one shard file, record by record.

What a record says is compared with its own image, with the index and the label files,
if they are known, and with what the manifest says of the shard.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics

from indexed_imagenet.text import MAX_SHOWN_FAULTS_PER_SHARD, error_text, printable
from indexed_imagenet.transforms.formats.example_decoder import INT64, decode_example
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
    mask,
    read_frames,
)
from indexed_imagenet.transforms.index_table import PackedIndexTable
from indexed_imagenet.transforms.verify.fault import Fault
from indexed_imagenet.transforms.verify.record import (
    KINDS,
    NamesByIndex,
    RecordSpec,
    check_form,
    check_values,
)

# Where a record is and what it is: RECORD_DTYPE, and the offset of its frame.
LOCATED_RECORD_DTYPE = np.dtype([('offset', '<i8'), *RECORD_DTYPE.descr])


@dataclasses.dataclass(frozen=True, slots=True)
class ShardTask:
    """A shard to be checked.

    Attributes:
      path: the file.
      number: which shard of its split it is, from 0.
      entry: what the manifest says of it, None without a manifest.
    """

    path: str
    number: int
    entry: ShardEntry | None


@dataclasses.dataclass(frozen=True, slots=True)
class ShardFindings:
    """What checking a shard has found.

    Attributes:
      task: the shard.
      num_faults: how many.
      faults: the first few of them.
      records: shape [n], dtype ``LOCATED_RECORD_DTYPE``, in file order.
      classes: what the records say of each class: (label, synset, text).
      is_read: whether it was read to its end.
    """

    task: ShardTask
    num_faults: int
    faults: list[Fault]
    records: np.ndarray
    classes: list[tuple[int, bytes, bytes]]
    is_read: bool


def _check_entry(
    entry: ShardEntry, records: np.ndarray, num_bytes: int, rows: str
) -> Iterator[str]:
    digest = digest_records(records[list(RECORD_DTYPE.names or ())])
    found: object
    expected: object
    for what, found, expected in (
        ('it has {} records', len(records), entry.records),
        ('it has {} bytes', num_bytes, entry.bytes),
        ('the digest of its records is {}', digest, entry.digest),
        ('the digest of its indices, labels and names is {}', rows, entry.rows),
    ):
        if found != expected:
            yield f'{what.format(found)} (expected {expected} as in the manifest)'


class _FaultList:
    """Collects the faults of one shard."""

    def __init__(self, path: str):
        self._path = path
        self.num_faults = 0
        self.faults: list[Fault] = []

    def add(self, what: str, offset: int = -1, index: int = -1) -> None:
        """Adds a fault; after the first few, only counts it."""
        self.num_faults += 1
        if len(self.faults) < MAX_SHOWN_FAULTS_PER_SHARD:
            self.faults.append(Fault(self._path, what, offset, index))


def _values_of(frame: Frame, faults: _FaultList) -> tuple[int, dict[str, Any] | None]:
    """Returns what a record says, as far as that can be known.

    Returns:
      The index, −1 if it is not known, and the value of each feature by its key,
      None unless all eleven are as they must be.
    """
    found = []
    if not frame.crc_ok:
        found.append(
            f"the data's masked crc32c is {frame.stated:#010x} (expected "
            f'{mask(frame.crc):#010x} for its {len(frame.payload):,} bytes)'
        )
    try:
        features = decode_example(frame.payload)
    except ValueError as error:
        features = {}
        if frame.crc_ok:
            found.append(f'not a tf.train.Example: {printable(str(error))}')
    else:
        found += check_form(features)
    index = -1
    given = features.get('index')
    if given and given.kind == INT64 and len(given.values) == 1:
        [index] = given.values
    for what in found:
        faults.add(what, frame.offset, index)
    if found:
        return index, None
    return index, {key: features[key].values[0] for key in KINDS}


def verify_shard(
    task: ShardTask, spec: RecordSpec, names: NamesByIndex | None
) -> ShardFindings:
    """Checks one shard.

    Args:
      task: the shard.
      spec: what its records are compared with.
      names: the index, if it is known.
    """
    faults = _FaultList(task.path)
    located: list[tuple[int, int, int, int]] = []
    rows: list[tuple[int, bytes]] = []
    classes: set[tuple[int, bytes, bytes]] = set()
    end, is_read = 0, True
    try:
        for frame in read_frames(task.path):
            if isinstance(frame, CorruptFrame):
                what = f'{frame.fault}; {frame.unread:,} bytes cannot be read'
                faults.add(what, frame.offset)
                is_read = False
                break
            end = frame.offset + OVERHEAD + len(frame.payload)
            index, values = _values_of(frame, faults)
            located.append((frame.offset, index, len(frame.payload), frame.crc))
            if values is None:
                rows.append((-1, b''))
                continue
            for what in check_values(values, spec, names):
                faults.add(what, frame.offset, index)
            label = values['image/class/label']
            rows.append((label - 1, values['image/filename']))
            classes.add((label, values['image/class/synset'], values['image/class/text']))
    except OSError as error:
        faults.add(f'cannot be read: {error_text(error)}; make it readable')
        is_read = False
    records = np.array(located, LOCATED_RECORD_DTYPE)
    if task.entry and is_read:
        labels = np.array([label for label, _ in rows], np.int64)
        digest = digest_rows(records['index'], labels, [name for _, name in rows])
        for what in _check_entry(task.entry, records, end, digest):
            faults.add(what)
    return ShardFindings(
        task, faults.num_faults, faults.faults, records, sorted(classes), is_read
    )


class _VerifyShard(beam.DoFn):
    def __init__(self, spec: RecordSpec):
        self._spec = spec
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
        yield findings


class VerifyShards(beam.PTransform):
    """Takes ``ShardTask``s, gives the ``ShardFindings`` of each."""

    def __init__(self, spec: RecordSpec, table: beam.pvalue.AsSingleton | None = None):
        """Initializes the transform.

        Args:
          spec: what records are compared with.
          table: the index table, if it is known.
        """
        super().__init__()
        if spec.check not in CHECKS:
            raise ValueError(
                f'check is {spec.check!r} (expected one of {", ".join(CHECKS)})'
            )
        self._spec = spec
        self._side = [] if table is None else [table]

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        return tasks | 'Read and check records' >> beam.ParDo(
            _VerifyShard(self._spec), *self._side
        ).with_input_types(ShardTask).with_output_types(ShardFindings)
