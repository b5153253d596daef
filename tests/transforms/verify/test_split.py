import json

import apache_beam as beam
import numpy as np

from indexed_imagenet.transforms.verify.fault import Fault
from indexed_imagenet.transforms.verify.findings import (
    LOCATED_RECORD_DTYPE,
    ShardFindings,
    ShardTask,
)
from indexed_imagenet.transforms.verify.split import SplitSpec, VerifySplit, verify_split


def findings_of(path, number, located, faults=()):
    """Returns the findings on a shard with records at (offset, index, length, crc)."""
    records = np.array(located, LOCATED_RECORD_DTYPE)
    task = ShardTask(path, number, None)
    return ShardFindings(
        task,
        len(faults),
        list(faults),
        records,
        [],
        is_read=True,
        is_damaged=False,
        mismatch='',
        canonical=None,
        num_other=0,
    )


def test_verify_split_without_shards_reports_zero(tmp_path):
    spec = SplitSpec('train', str(tmp_path), None, False, ())
    report = verify_split([], spec)
    assert (report['examples'], report['num_faults']) == (0, 0)


def test_verify_split_index_in_two_shards_is_a_fault_at_the_second(tmp_path):
    findings = [
        findings_of('a', 0, [(0, 4, 10, 1)]),
        findings_of('b', 1, [(26, 4, 9, 2)]),
    ]
    report = verify_split(findings, SplitSpec('train', str(tmp_path), None, False, ()))
    assert report['faults'] == [
        'b at byte 26, index 4: a at byte 0 has it too (expected each index once)'
    ]


def test_verify_split_missing_examples_are_one_fault(tmp_path):
    findings = [findings_of('a', 0, [(0, 2, 10, 1), (26, 0, 10, 1)])]
    report = verify_split(findings, SplitSpec('train', str(tmp_path), 4, False, ()))
    assert report['faults'] == [
        f'{tmp_path}: 2 of 4 train examples are in no record: index 1, 3 (expected each '
        'to be present, or declared absent in a manifest)'
    ]


def test_verify_split_transform_writes_the_report(new_pipeline, tmp_path):
    spec = SplitSpec('train', str(tmp_path), 1, False, (Fault('b', 'first'),))
    findings = findings_of('a', 0, [(0, 0, 10, 1)], [Fault('a', 'second', 0, 0)])
    with new_pipeline() as pipeline:
        (pipeline | beam.Create([findings]) | VerifySplit(spec, str(tmp_path / 'report')))
    report = json.loads((tmp_path / 'report').read_text())
    assert report == json.loads(json.dumps(verify_split([findings], spec)))
    assert report['faults'] == ['b: first', 'a at byte 0, index 0: second']
