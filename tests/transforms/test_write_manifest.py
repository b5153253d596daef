import dataclasses
import json

import apache_beam as beam
import numpy as np
import pytest

from indexed_imagenet.transforms.elements import FinishedShard, Rejection
from indexed_imagenet.transforms.formats.layout import offsets_path, summary_path
from indexed_imagenet.transforms.formats.manifest import Manifest, read_manifest
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


def described(reports):
    """The manifest of a split."""
    records = {report.shard: report.info for report in reports}
    return make_manifest(reports, build_id(), make_offsets(records, INDEX))


def put_files(output, reports):
    """Puts a file of the right size for each shard."""
    for made in reports:
        if isinstance(made, FinishedShard):
            path = output / f'train-{made.shard:05d}-of-00003'
            path.write_bytes(b'x' * made.info.num_bytes)


def names(directory):
    there = {path.name for path in directory.iterdir()}
    return {name for name in there if '-of-' not in name}


def test_counts_what_is_there_and_nothing_else():
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
        'first_rejected': [dataclasses.asdict(BAD)],
        'warnings': 0,
        'seconds': 100.0,
    }


def test_the_manifest_says_what_is_there_and_what_is_not():
    manifest = described(SKIPPED)
    assert not manifest.complete
    assert (manifest.examples, manifest.bytes, manifest.classes) == (3, 78, 4)
    assert (manifest.missing, manifest.skipped) == ((1, 3), (2,))
    assert manifest.converted == (PNG,)
    assert manifest.check == 'quick'  # of one shard: it is no better than that
    assert [entry.name for entry in manifest.shards] == [
        f'train-{i:05d}-of-00003' for i in range(3)
    ]
    assert [entry.records for entry in manifest.shards] == [2, 1, 0]
    in_order = shard_info([0, 4, 5]).records
    assert manifest.fingerprint == digest_records(in_order)


def test_the_fingerprint_is_that_of_the_records_whatever_their_shards():
    [one] = {
        described(reports).fingerprint
        for reports in (
            [report(i, shard_info([2 * i, 2 * i + 1])) for i in range(3)],
            [report(i, shard_info([5 - i, i])) for i in range(3)],
        )
    }
    reports = [report(i, shard_info([i])) for i in range(3)]
    assert described(reports).fingerprint != one


def test_a_manifest_is_read_back_as_it_was_written():
    manifest = described(SKIPPED)
    content = manifest.to_json()
    assert Manifest.from_json(content) == manifest
    assert json.loads(content)['complete'] is False
    assert len(content.splitlines()) == 18  # a field or a shard a line


@pytest.mark.parametrize(
    'change',
    [
        {'format': 'another 1'},
        {'identity': {}},
        {'examples': '3'},
        {'missing': ['x']},
        {'shards': [{}]},
        {'converted': [{'index': 1}]},
        {'converted': [{'index': None, 'source': 'PNG', 'codec': 'c'}]},
        {'check': 'thorough'},
        {'skipped': None},
    ],
)
def test_refuses_what_is_no_manifest(output, change):
    fields = json.loads(described(SKIPPED).to_json()) | change
    (output / 'train.json').write_text(json.dumps(fields))
    with pytest.raises(ValueError, match='train.json is not a manifest'):
        read_manifest(str(output), 'train')


@pytest.mark.parametrize('name', ['../../x', 'train-00001-of-00004', 'x'])
def test_refuses_shards_by_other_names_than_theirs(output, name):
    fields = json.loads(described(SKIPPED).to_json())
    fields['shards'][1]['name'] = name
    (output / 'train.json').write_text(json.dumps(fields))
    with pytest.raises(ValueError, match='its shards are not the 3 of train'):
        read_manifest(str(output), 'train')


@pytest.mark.parametrize('content', [b'', b'{', b'[]', b'3', b'\xff'])
def test_refuses_a_file_that_is_no_manifest(output, content):
    (output / 'train.json').write_bytes(content)
    with pytest.raises(ValueError, match='train.json is not a manifest'):
        read_manifest(str(output), 'train')


def test_writes_locator_manifest_and_lists(new_pipeline, output, index_file):
    put_files(output, SKIPPED)
    with new_pipeline() as pipeline:
        (
            pipeline
            | beam.Create(SKIPPED[::-1])
            | WriteManifest(build_id(), str(output), index_file)
        )
    assert read_manifest(str(output), 'train') == described(SKIPPED)
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
    expected = described(SKIPPED)
    told = {'complete': False, 'fingerprint': expected.fingerprint}
    assert summary == summarize(SKIPPED) | told


def test_there_is_no_manifest_while_a_shard_is_left_out(output, index_file):
    write_manifest(FAILED, build_id(), str(output), index_file)
    assert names(output) == {'.build', 'missing-train.csv', 'rejected-train.csv'}


def test_nothing_is_listed_where_there_is_nothing_to_list(output, index_file):
    reports = [report(i, shard_info([2 * i, 2 * i + 1])) for i in range(3)]
    put_files(output, reports)
    write_manifest(reports, build_id(), str(output), index_file)
    assert names(output) == {'.build', 'train.json', 'train.offsets.npz'}
    assert read_manifest(str(output), 'train').complete


def test_the_manifest_comes_last(output, index_file, monkeypatch):
    """If the machine stops before, there is none."""
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
def test_no_manifest_vouches_for_a_file_that_is_not_as_reported(
    output, index_file, content
):
    put_files(output, SKIPPED)
    path = output / 'train-00000-of-00003'
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RuntimeError, match='bytes \\(expected 52\\): another program'):
        write_manifest(SKIPPED, build_id(), str(output), index_file)
    assert 'train.json' not in names(output)


@pytest.mark.parametrize('shards', [[], [0], [0, 0, 1], [0, 1, 1, 2]])
def test_every_shard_reports_exactly_once(output, index_file, shards):
    reports = [report(shard, shard_info([])) for shard in shards]
    with pytest.raises(RuntimeError, match='expected one on each of 3'):
        write_manifest(reports, build_id(), str(output), index_file)
