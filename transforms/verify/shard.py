"""Checks one shard file, record by record.

What a record says is held against its own picture, against the index and the
label files, if they are known, and against what the manifest says of the shard.
"""

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics

from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms.formats.example_decoder import INT64, decode_example
from indexed_imagenet.transforms.formats.manifest import ShardEntry
from indexed_imagenet.transforms.formats.shard_info import (
    CHECKS,
    RECORD_DTYPE,
    digest_records,
    digest_rows,
)
from indexed_imagenet.transforms.formats.tfrecord import OVERHEAD, mask
from indexed_imagenet.transforms.formats.tfrecord_reader import (
    CorruptFrame,
    Frame,
    read_frames,
)
from indexed_imagenet.transforms.index_table import PackedIndexTable
from indexed_imagenet.transforms.verify.record import (
    KINDS,
    NamesByIndex,
    RecordSpec,
    check_form,
    check_values,
)

# Faults of a shard that are told one by one; the others are counted.
NAMED = 10

# Where a record stands and what it is: RECORD_DTYPE, and the offset of its frame.
LOCATED_RECORD_DTYPE = np.dtype([('offset', '<i8'), *RECORD_DTYPE.descr])


class Fault(NamedTuple):
    """Something wrong, at the place where it is.

    Attributes:
      path: the file.
      offset: of the frame in the file, in bytes; −1 if it is about all of it.
      index: of the example; −1 if it is not known.
      what: the value seen and the value expected.
    """

    path: str
    offset: int
    index: int
    what: str

    def __str__(self):
        place = f' at byte {self.offset:,}' if self.offset >= 0 else ''
        whose = f', index {self.index}' if self.index >= 0 else ''
        return f'{self.path}{place}{whose}: {self.what}'


class ShardTask(NamedTuple):
    """A shard to be checked.

    Attributes:
      path: the file.
      number: which shard of its split it is, from 0.
      entry: what the manifest says of it, None without a manifest.
    """

    path: str
    number: int
    entry: ShardEntry | None


class ShardFindings(NamedTuple):
    """What checking a shard has found.

    Attributes:
      task: the shard.
      num_faults: how many.
      faults: the first ``NAMED`` of them.
      placed: its records, shape [n], dtype ``LOCATED_RECORD_DTYPE``, in file order.
      classes: what the records say of each class: (label, synset, text).
      is_read: whether it was read to its end.
    """

    task: ShardTask
    num_faults: int
    faults: list[Fault]
    placed: np.ndarray
    classes: list[tuple[int, bytes, bytes]]
    is_read: bool


def _check_entry(
    entry: ShardEntry, placed: np.ndarray, num_bytes: int, rows: str
) -> Iterator[str]:
    content = placed[list(RECORD_DTYPE.names)]
    for what, found, expected in (
        ('it has {} records', len(placed), entry.records),
        ('it has {} bytes', num_bytes, entry.bytes),
        ('the digest of its records is {}', digest_records(content), entry.digest),
        ('the digest of its indices, labels and names is {}', rows, entry.rows),
    ):
        if found != expected:
            yield f'{what.format(found)}, expected {expected} as in the manifest'


class _Findings:
    """Collects what is found in one shard."""

    def __init__(self, task: ShardTask):
        self._task = task
        self.num_faults = 0
        self.faults: list[Fault] = []

    def add(self, what: str, offset: int = -1, index: int = -1) -> None:
        """Notes a fault."""
        self.num_faults += 1
        if len(self.faults) < NAMED:
            self.faults.append(Fault(self._task.path, offset, index, what))


def _values_of(frame: Frame, found: _Findings) -> tuple[int, dict | None]:
    """What a record says, as far as that can be known.

    Returns:
      The index, −1 if it is not known, and the value of each feature by its key,
      None unless all eleven are as they must be.
    """
    faults = []
    if not frame.crc_ok:
        faults.append(
            f"the data's masked crc32c is {frame.stated:#010x}, expected "
            f'{mask(frame.crc):#010x} as of the {len(frame.payload):,} bytes there'
        )
    try:
        features = decode_example(frame.payload)
    except ValueError as error:
        features = {}
        if frame.crc_ok:
            faults.append(f'no tf.train.Example: {printable(str(error))}')
    else:
        faults += check_form(features)
    index = -1
    given = features.get('index')
    if given and given.kind == INT64 and len(given.values) == 1:
        [index] = given.values
    for what in faults:
        found.add(what, frame.offset, index)
    if faults:
        return index, None
    return index, {key: features[key].values[0] for key in KINDS}


def verify_shard(
    task: ShardTask, rules: RecordSpec, names: NamesByIndex | None
) -> ShardFindings:
    """Checks one shard.

    Args:
      task: the shard.
      rules: what its records are held against.
      names: the index, if it is known.
    """
    found = _Findings(task)
    placed: list[tuple[int, int, int, int]] = []
    who: list[tuple[int, bytes]] = []
    classes: set[tuple[int, bytes, bytes]] = set()
    end, is_read = 0, True
    try:
        for frame in read_frames(task.path):
            if isinstance(frame, CorruptFrame):
                what = f'{frame.fault}; {frame.unread:,} bytes cannot be read'
                found.add(what, frame.offset)
                is_read = False
                break
            end = frame.offset + OVERHEAD + len(frame.payload)
            index, values = _values_of(frame, found)
            placed.append((frame.offset, index, len(frame.payload), frame.crc))
            if values is None:
                who.append((-1, b''))
                continue
            for what in check_values(values, rules, names):
                found.add(what, frame.offset, index)
            label = values['image/class/label']
            who.append((label - 1, values['image/filename']))
            classes.add((label, values['image/class/synset'], values['image/class/text']))
    except OSError as error:
        found.add(f'cannot be read: {error_text(error)}; make it readable')
        is_read = False
    table = np.array(placed, LOCATED_RECORD_DTYPE)
    if task.entry and is_read:
        labels = np.array([label for label, _ in who], np.int64)
        rows = digest_rows(table['index'], labels, [name for _, name in who])
        for what in _check_entry(task.entry, table, end, rows):
            found.add(what)
    return ShardFindings(
        task, found.num_faults, found.faults, table, sorted(classes), is_read
    )


class _VerifyShard(beam.DoFn):
    def __init__(self, rules: RecordSpec):
        self._rules = rules
        self._shards = Metrics.counter('verify_shard', 'shards_in')
        self._records = Metrics.counter('verify_shard', 'records_in')

    def start_bundle(self):
        self._names = None

    def process(self, task: ShardTask, packed: PackedIndexTable | None = None):
        if packed is not None and self._names is None:
            self._names = NamesByIndex(packed.unpack())
        findings = verify_shard(task, self._rules, self._names)
        self._shards.inc()
        self._records.inc(len(findings.placed))
        yield findings


class VerifyShards(beam.PTransform):
    """Takes ``ShardTask``s, gives the ``ShardFindings`` of each."""

    def __init__(self, rules: RecordSpec, table: beam.pvalue.AsSingleton | None = None):
        """Initializes the transform.

        Args:
          rules: what records are held against.
          table: the index table, if it is known.
        """
        super().__init__()
        if rules.check not in CHECKS:
            raise ValueError(
                f'check is {rules.check!r}, expected one of {", ".join(CHECKS)}'
            )
        self._rules = rules
        self._side = [] if table is None else [table]

    def expand(self, tasks):
        return tasks | 'Read and check records' >> beam.ParDo(
            _VerifyShard(self._rules), *self._side
        ).with_input_types(ShardTask).with_output_types(ShardFindings)
