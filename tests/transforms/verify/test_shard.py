import json

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.pvalue import AsSingleton
from apache_beam.testing.util import assert_that

from indexed_imagenet.transforms.formats.example_encoder import (
    ExampleEncoder,
    make_labels,
)
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.formats.shard_info import QUICK, RECORD_DTYPE
from indexed_imagenet.transforms.formats.tfrecord import crc32c, frame
from indexed_imagenet.transforms.index_table import IndexTable, PackedIndexTable
from indexed_imagenet.transforms.verify.fault import Fault
from indexed_imagenet.transforms.verify.findings import ShardTask
from indexed_imagenet.transforms.verify.record import NamesByIndex, RecordSpec
from indexed_imagenet.transforms.verify.shard import VerifyShards, verify_shard
from indexed_imagenet.transforms.verify.split import SplitSpec, VerifySplit

LABELS = make_labels(['n01440764', 'n02119022'], ['tench', 'red fox'])
NAMES = [b'b.JPEG', b'c.JPEG', b'a.JPEG']
TABLE = IndexTable.from_split(SplitIndex(np.array(NAMES), np.array([1, 0, 1], np.int16)))
SPEC = RecordSpec(3, tuple(LABELS), QUICK)


@pytest.fixture
def task(tmp_path, jpeg):
    """A task and its payloads: examples 2 and 0; the second has a wrong label."""
    encoder = ExampleEncoder(LABELS)
    payloads = [
        b''.join(encoder.encode(2, b'a.JPEG', 1, jpeg, 24, 40)),
        b''.join(encoder.encode(0, b'b.JPEG', 0, jpeg, 24, 40)),
    ]
    path = tmp_path / 'train-00000-of-00001'
    path.write_bytes(b''.join(b''.join(frame([p], crc32c(p))) for p in payloads))
    return ShardTask(str(path), 0, None), payloads


def test_verify_shard_wrong_label_gives_fault_records_and_classes(task):
    task, payloads = task
    found = verify_shard(task, SPEC, NamesByIndex(TABLE))
    offset = len(payloads[0]) + 16
    what = 'image/class/label is 1 (expected 2 as in the index file)'
    assert found.faults == [Fault(task.path, what, offset, 0)]
    assert found.num_faults == 1
    assert found.records.tolist() == [
        (0, 2, len(payloads[0]), crc32c(payloads[0])),
        (offset, 0, len(payloads[1]), crc32c(payloads[1])),
    ]
    assert found.classes == [
        (1, b'n01440764', b'tench'),
        (2, b'n02119022', b'red fox'),
    ]
    assert found.is_read


def test_verify_shard_missing_file_gives_one_fault(tmp_path):
    task = ShardTask(str(tmp_path / 'none'), 0, None)
    found = verify_shard(task, SPEC, None)
    [fault] = found.faults
    assert str(fault) == (
        f'{tmp_path}/none: cannot be read: No such file or directory; make it readable'
    )
    assert not found.is_read


def test_verify_shards_and_split_write_one_report(new_pipeline, task, tmp_path):
    task, _ = task
    spec = SplitSpec('train', str(tmp_path), 3, False, ())
    with new_pipeline() as pipeline:
        packed = pipeline | 'table' >> beam.Create([PackedIndexTable.pack(TABLE)])
        findings = (
            pipeline | beam.Create([task]) | VerifyShards(SPEC, AsSingleton(packed))
        )
        assert_that(findings, lambda made: made[0].num_faults == 1)
        findings | VerifySplit(spec, str(tmp_path / 'report'))
    report = json.loads((tmp_path / 'report').read_text())
    assert (report['examples'], report['shards'], report['num_faults']) == (2, 1, 2)
    assert report['faults'][1] == (
        f'{tmp_path}: 1 of 3 train examples are in no record: index 1 (expected each to '
        'be present, or declared absent in a manifest)'
    )


def test_verify_shards_unknown_check_raises():
    with pytest.raises(ValueError, match="check is 'x' \\(expected one of quick, decode"):
        VerifyShards(RecordSpec(3, None, 'x'))


def test_verify_shard_records_have_crc32c_of_payloads(task):
    task, payloads = task
    records = verify_shard(task, SPEC, None).records
    content = records[list(RECORD_DTYPE.names)].astype(RECORD_DTYPE)
    assert content['crc32c'].tolist() == [crc32c(payload) for payload in payloads]
