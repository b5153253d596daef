import dataclasses
import json

import apache_beam as beam
import numpy as np
import pytest

from indexed_imagenet.transforms.elements import FinishedShard, Rejection
from indexed_imagenet.transforms.formats.layout import offsets_path, summary_path
from indexed_imagenet.transforms.formats.manifest import read_manifest
from indexed_imagenet.transforms.formats.offsets import (
    make_offsets,
    read_offsets,
)
from indexed_imagenet.transforms.formats.shard_info import (
    DECODE,
    Converted,
    digest_records,
)
from indexed_imagenet.transforms.write_manifest import (
    WriteManifest,
    make_manifest,
    summarize,
    write_manifest,
)
from support.reports import INDEX, build_id, report, shard_info

BAD = Rejection(2, 'a,b.JPEG', 'empty: 0 bytes')
PNG = Converted(4, 'PNG', 'tensorflow 2.21.0, x86_64')

SKIPPED = [
    report(0, shard_info([4, 0], converted=(PNG,), check=DECODE)),
    report(1, shard_info([5]), missing=[3], rejected=[BAD]),
    report(2, shard_info([]), kept=True, missing=[1]),
]
FAILED = [*SKIPPED[:1], report(1, None, missing=[3], rejected=[BAD]), *SKIPPED[2:]]


@pytest.fixture
def index_file(tmp_path):
    path = tmp_path / 'index.npz'
    np.savez(path, tr_filenames=INDEX.names, tr_labels=INDEX.labels)
    return str(path)


@pytest.fixture
def output(tmp_path):
    (tmp_path / 'out').mkdir()
    return tmp_path / 'out'


def manifest_of(reports):
    """Returns the manifest of a split with these reports."""
    records = {report.shard: report.info for report in reports}
    return make_manifest(reports, build_id(), make_offsets(records, INDEX))


def put_files(output, reports):
    """Writes a file of the right size for each finished shard."""
    for made in reports:
        if isinstance(made, FinishedShard):
            path = output / f'train-{made.shard:05d}-of-00003'
            path.write_bytes(b'x' * made.info.num_bytes)


def names(directory):
    found = {path.name for path in directory.iterdir()}
    return {name for name in found if '-of-' not in name}


def test_summarize_counts_only_finished_shards():
    assert summarize(FAILED) == {
        'shards': 3,
        'shards_there': 2,
        'shards_kept': 1,
        'examples': 2,
        'new_examples': 2,
        'bytes': 52,
        'classes': 3,
        'converted_png': 1,
        'converted_cmyk': 0,
        'missing': 2,
        'rejected': 1,
        'unreadable': 0,
        'damaged': [],
        'first_rejected': [dataclasses.asdict(BAD)],
        'warnings': 0,
        'seconds': 100.0,
    }


def test_make_manifest_lists_present_missing_and_skipped():
    manifest = manifest_of(SKIPPED)
    assert not manifest.complete
    assert (manifest.examples, manifest.bytes, manifest.classes) == (3, 78, 4)
    assert (manifest.missing, manifest.skipped) == ((1, 3), (2,))
    assert manifest.converted == (PNG,)
    assert manifest.check == 'quick'  # the weakest of its shards
    assert [entry.name for entry in manifest.shards] == [
        f'train-{i:05d}-of-00003' for i in range(3)
    ]
    assert [entry.records for entry in manifest.shards] == [2, 1, 0]
    in_order = shard_info([0, 4, 5]).records
    assert manifest.fingerprint == digest_records(in_order)


def test_make_manifest_fingerprint_is_independent_of_shards():
    [one] = {
        manifest_of(reports).fingerprint
        for reports in (
            [report(i, shard_info([2 * i, 2 * i + 1])) for i in range(3)],
            [report(i, shard_info([5 - i, i])) for i in range(3)],
        )
    }
    reports = [report(i, shard_info([i])) for i in range(3)]
    assert manifest_of(reports).fingerprint != one


def test_write_manifest_writes_offsets_manifest_lists_and_summary(
    new_pipeline, output, index_file
):
    put_files(output, SKIPPED)
    with new_pipeline() as pipeline:
        (
            pipeline
            | beam.Create(SKIPPED[::-1])
            | WriteManifest(build_id(), str(output), index_file)
        )
    assert read_manifest(str(output), 'train') == manifest_of(SKIPPED)
    offsets = read_offsets(offsets_path(str(output), 'train'))
    assert offsets.shard.tolist() == [0, -1, -1, -1, 0, 1]
    assert (output / 'missing-train.csv').read_text() == (
        'index,filename\n1,image1.JPEG\n3,image3.JPEG\n'
    )
    assert (output / 'rejected-train.csv').read_text() == (
        'index,path,reason\n2,"a,b.JPEG",empty: 0 bytes\n'
    )
    with open(summary_path(str(output), 'train')) as file:
        summary = json.load(file)
    expected = manifest_of(SKIPPED)
    added = {'complete': False, 'fingerprint': expected.fingerprint}
    assert summary == summarize(SKIPPED) | added


def test_write_manifest_unwritten_shard_writes_no_manifest(output, index_file):
    write_manifest(FAILED, build_id(), str(output), index_file)
    assert names(output) == {'.build', 'missing-train.csv', 'rejected-train.csv'}


def test_write_manifest_complete_split_writes_no_lists(output, index_file):
    reports = [report(i, shard_info([2 * i, 2 * i + 1])) for i in range(3)]
    put_files(output, reports)
    write_manifest(reports, build_id(), str(output), index_file)
    assert names(output) == {'.build', 'train.json', 'train.offsets.npz'}
    assert read_manifest(str(output), 'train').complete


def test_write_manifest_stopped_before_manifest_has_offsets_only(
    output, index_file, monkeypatch
):
    """So an interrupted build has no manifest."""
    from indexed_imagenet.transforms import write_manifest as module

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    put_files(output, SKIPPED)
    monkeypatch.setattr(module, 'make_manifest', stop)
    with pytest.raises(KeyboardInterrupt):
        write_manifest(SKIPPED, build_id(), str(output), index_file)
    assert 'train.offsets.npz' in names(output)
    assert 'train.json' not in names(output)


@pytest.mark.parametrize('content', [None, b'', b'x' * 53])
def test_write_manifest_shard_of_other_size_raises(output, index_file, content):
    put_files(output, SKIPPED)
    path = output / 'train-00000-of-00003'
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RuntimeError, match='bytes \\(expected 52\\): another program'):
        write_manifest(SKIPPED, build_id(), str(output), index_file)
    assert 'train.json' not in names(output)


@pytest.mark.parametrize('shards', [[], [0], [0, 0, 1], [0, 1, 1, 2]])
def test_write_manifest_not_one_report_per_shard_raises(output, index_file, shards):
    reports = [report(shard, shard_info([])) for shard in shards]
    with pytest.raises(RuntimeError, match='expected one on each of 3'):
        write_manifest(reports, build_id(), str(output), index_file)
