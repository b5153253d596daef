import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that, equal_to
from reports import identity, shard_record
from reports import report as shard_report

from transforms.keep_finished import read_record
from transforms.make_way import MakeWay, make_way_for, read_identity
from transforms.records import Rejection
from transforms.shard_record import Converted
from transforms.verdict import UNKNOWN, Verdict
from transforms.working_folder import identity_path, shard_record_path, write_whole
from transforms.write_manifest import write_manifest

GOOD = Verdict({'train': 1}, {}, {})
OTHER = {'validation-00000-of-00002', 'missing-validation.csv', 'train-notes.txt'}


def names(directory):
    return {path.name for path in directory.iterdir()}


@pytest.fixture
def finished(tmp_path):
    """A finished build of ``identity()``, beside files that are none of its business."""
    np.savez(tmp_path / 'index.npz', tr_filenames=[b'x'], tr_labels=[0])
    records = [
        shard_record([4, 0], converted=(Converted(0, 'PNG', 'c'),)),
        shard_record([1]),
        shard_record([5, 2, 3]),
    ]
    output = tmp_path / 'out'
    output.mkdir()
    for i, record in enumerate(records):
        (output / f'train-{i:05d}-of-00003').write_bytes(b'x' * record.num_bytes)
    for name in (*OTHER, 'rejected-train.csv'):
        (output / name).touch()
    reports = [shard_report(i, record) for i, record in enumerate(records)]
    write_manifest(reports, identity(), str(output), str(tmp_path / 'index.npz'))
    return output, records


def test_a_finished_build_is_taken_up_as_records_of_its_shards(finished):
    output, records = finished
    before = names(output)
    make_way_for(identity(), str(output), overwrite=False)
    gone = {'train.json', 'train.index.npz', 'rejected-train.csv'}
    assert names(output) == before - gone
    assert read_identity(str(output), 'train') == identity()
    for i, record in enumerate(records):
        path = shard_record_path(str(output), 'train', f'train-{i:05d}-of-00003')
        taken_up = read_record(path)
        assert taken_up.content.tolist() == record.content.tolist()
        assert taken_up.to_json() == record.to_json()


@pytest.mark.parametrize('damage', ['none', 'cut', 'other'])
def test_without_its_locator_no_shard_is_known_to_be_finished(finished, damage):
    output, _ = finished
    path = output / 'train.index.npz'
    if damage == 'none':
        path.unlink()
    elif damage == 'cut':
        path.write_bytes(path.read_bytes()[:100])
    else:
        arrays = dict(np.load(path))
        arrays['crc32c'] += 1
        np.savez(path, **arrays)
    make_way_for(identity(), str(output), overwrite=False)
    assert not list((output / '.build' / 'train').glob('train-*'))


def test_another_build_is_left_alone_unless_told(finished):
    output, _ = finished
    before = names(output)
    with pytest.raises(RuntimeError, match='holds another build of train'):
        make_way_for(identity(shuffle_seed=1), str(output), overwrite=False)
    assert names(output) == before
    make_way_for(identity(shuffle_seed=1), str(output), overwrite=True)
    assert names(output) == OTHER | {'.build'}
    assert read_identity(str(output), 'train') == identity(shuffle_seed=1)


def test_shards_that_nothing_tells_the_build_of_are_left_alone_unless_told(tmp_path):
    (tmp_path / 'train-00000-of-00003').touch()
    with pytest.raises(RuntimeError, match='holds another build of train'):
        make_way_for(identity(), str(tmp_path), overwrite=False)
    make_way_for(identity(), str(tmp_path), overwrite=True)
    assert names(tmp_path) == {'.build'}


def test_an_unfinished_build_keeps_its_records(tmp_path):
    write_whole(
        identity_path(str(tmp_path), 'train'), identity().to_json(), str(tmp_path)
    )
    path = shard_record_path(str(tmp_path), 'train', 'train-00000-of-00003')
    write_whole(path, shard_record([1]).to_json(), str(tmp_path))
    make_way_for(identity(), str(tmp_path), overwrite=True)
    assert read_record(path) is not None
    make_way_for(identity(labels='e' * 64), str(tmp_path), overwrite=True)
    assert read_record(path) is None


@pytest.mark.parametrize('verdict', [GOOD, Verdict.of('train', UNKNOWN, ['x'])])
def test_touches_nothing_after_a_bad_verdict(new_pipeline, finished, verdict):
    output, _ = finished
    before = names(output)
    with new_pipeline() as pipeline:
        passed = (
            pipeline
            | beam.Create([verdict])
            | MakeWay([identity()], str(output), overwrite=True)
        )
        assert_that(passed, equal_to([verdict]))
    assert (names(output) == before) == verdict.is_bad


def test_a_skipped_image_is_no_part_of_the_rows_that_are_taken_up(finished, tmp_path):
    output, records = finished
    reports = [
        shard_report(0, records[0], rejected=[Rejection(3, 'x', 'empty')]),
        *(shard_report(i, records[i]) for i in (1, 2)),
    ]
    write_manifest(reports, identity(), str(output), str(tmp_path / 'index.npz'))
    make_way_for(identity(), str(output), overwrite=False)
    path = shard_record_path(str(output), 'train', 'train-00000-of-00003')
    assert read_record(path).rows == records[0].rows
