import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that, equal_to

from indexed_imagenet.transforms.elements import Rejection
from indexed_imagenet.transforms.formats.build_plan import BuildPlan, read_build_plan
from indexed_imagenet.transforms.formats.layout import shard_info_path, staging_dir
from indexed_imagenet.transforms.formats.shard_info import Converted
from indexed_imagenet.transforms.input_report import (
    InputReport,
    IssueKind,
)
from indexed_imagenet.transforms.plan_shards import read_shard_info
from indexed_imagenet.transforms.prepare_output import (
    PrepareOutput,
    prepare_output,
    prepare_split,
)
from indexed_imagenet.transforms.storage.atomic import atomic_write
from indexed_imagenet.transforms.write_manifest import write_manifest
from support.reports import INDEX, build_id, shard_info
from support.reports import report as shard_report

GOOD = InputReport({'train': 6})
OTHER = {'validation-00000-of-00002', 'missing-validation.csv', 'train-notes.txt'}


def names(directory):
    return {path.name for path in directory.iterdir()}


@pytest.fixture
def finished(tmp_path):
    """Returns the output of a finished build, with unrelated files, and its entries."""
    np.savez(tmp_path / 'index.npz', tr_filenames=INDEX.names, tr_labels=INDEX.labels)
    infos = [
        shard_info([4, 0], converted=(Converted(0, 'PNG', 'c'),)),
        shard_info([1]),
        shard_info([5, 2, 3]),
    ]
    output = tmp_path / 'out'
    output.mkdir()
    for i, info in enumerate(infos):
        (output / f'train-{i:05d}-of-00003').write_bytes(b'x' * info.num_bytes)
    for name in (*OTHER, 'rejected-train.csv'):
        (output / name).touch()
    reports = [shard_report(i, info) for i, info in enumerate(infos)]
    write_manifest(reports, build_id(), str(output), str(tmp_path / 'index.npz'))
    return output, infos


def test_prepare_split_finished_build_restores_shard_entries(finished):
    output, infos = finished
    before = names(output)
    prepare_split(BuildPlan(build_id(), 6), str(output), overwrite=False)
    gone = {'train.json', 'train.offsets.npz', 'rejected-train.csv'}
    assert names(output) == before - gone
    assert read_build_plan(str(output), 'train') == BuildPlan(build_id(), 6)
    for i, info in enumerate(infos):
        path = shard_info_path(str(output), 'train', f'train-{i:05d}-of-00003')
        restored = read_shard_info(path)
        assert restored.records.tolist() == info.records.tolist()
        assert restored.to_json() == info.to_json()


@pytest.mark.parametrize('damage', ['none', 'cut', 'other'])
def test_prepare_split_missing_or_damaged_offsets_restore_nothing(finished, damage):
    output, _ = finished
    path = output / 'train.offsets.npz'
    if damage == 'none':
        path.unlink()
    elif damage == 'cut':
        path.write_bytes(path.read_bytes()[:100])
    else:
        arrays = dict(np.load(path))
        arrays['crc32c'] += 1
        np.savez(path, **arrays)
    prepare_split(BuildPlan(build_id(), 6), str(output), overwrite=False)
    assert not list((output / '.build' / 'train').glob('train-*'))


def test_prepare_split_other_build_raises_without_overwrite(finished):
    output, _ = finished
    before = names(output)
    with pytest.raises(RuntimeError, match='holds another build of train'):
        prepare_split(BuildPlan(build_id(seed=1), 6), str(output), overwrite=False)
    assert names(output) == before
    prepare_split(BuildPlan(build_id(seed=1), 6), str(output), overwrite=True)
    assert names(output) == OTHER | {'.build'}
    assert read_build_plan(str(output), 'train') == BuildPlan(build_id(seed=1), 6)


def test_prepare_split_shards_without_plan_raise_without_overwrite(tmp_path):
    (tmp_path / 'train-00000-of-00003').touch()
    with pytest.raises(RuntimeError, match='holds another build of train'):
        prepare_split(BuildPlan(build_id(), 6), str(tmp_path), overwrite=False)
    prepare_split(BuildPlan(build_id(), 6), str(tmp_path), overwrite=True)
    assert names(tmp_path) == {'.build'}


def test_prepare_split_unfinished_build_keeps_entries(tmp_path):
    prepare_split(BuildPlan(build_id(), 6), str(tmp_path), overwrite=False)
    path = shard_info_path(str(tmp_path), 'train', 'train-00000-of-00003')
    atomic_write(path, shard_info([1]).to_json(), staging_dir(str(tmp_path)))
    prepare_split(BuildPlan(build_id(), 6), str(tmp_path), overwrite=True)
    assert read_shard_info(path) is not None
    prepare_split(BuildPlan(build_id(labels='e' * 64), 6), str(tmp_path), overwrite=True)
    assert read_shard_info(path) is None


@pytest.mark.parametrize(
    'input_report', [GOOD, InputReport.of('train', IssueKind.UNKNOWN, ['x'])]
)
def test_prepare_output_blocking_report_changes_nothing(
    new_pipeline, finished, input_report
):
    output, _ = finished
    before = names(output)
    with new_pipeline() as pipeline:
        passed = (
            pipeline
            | beam.Create([input_report])
            | PrepareOutput([build_id()], str(output), overwrite=True)
        )
        assert_that(passed, equal_to([input_report]))
    assert (names(output) == before) == input_report.blocks_build


def test_prepare_split_skipped_image_is_not_in_restored_rows(finished, tmp_path):
    output, infos = finished
    reports = [
        shard_report(0, infos[0], rejected=[Rejection(3, 'x', 'empty')]),
        *(shard_report(i, infos[i]) for i in (1, 2)),
    ]
    write_manifest(reports, build_id(), str(output), str(tmp_path / 'index.npz'))
    prepare_split(BuildPlan(build_id(), 6), str(output), overwrite=False)
    path = shard_info_path(str(output), 'train', 'train-00000-of-00003')
    assert read_shard_info(path).rows == infos[0].rows


def test_prepare_output_fewer_images_block_without_overwrite(new_pipeline, finished):
    output, _ = finished
    before = names(output)
    fewer = InputReport({'train': 4})
    with new_pipeline() as pipeline:
        passed = (
            pipeline
            | beam.Create([fewer])
            | PrepareOutput([build_id()], str(output), overwrite=False)
        )
        case = InputReport(
            {'train': 4},
            {('train', IssueKind.SHRUNK): 2},
            {('train', IssueKind.SHRUNK): ('4 now, 6 then',)},
        )
        assert_that(passed, equal_to([case]))
    assert names(output) == before
    assert prepare_output(fewer, [build_id()], str(output), overwrite=True) == fewer
    assert read_build_plan(str(output), 'train').images == 4


@pytest.mark.parametrize('step', ['delete', '_restore_shard_infos', 'write_build_plan'])
def test_prepare_split_killed_at_any_step_keeps_plan_and_entries(
    finished, monkeypatch, step
):
    from indexed_imagenet.transforms import prepare_output as module

    class Killed(BaseException):
        pass

    output, infos = finished

    def kill(*args, **kwargs):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(module.storage if step == 'delete' else module, step, kill)
        with pytest.raises(Killed):
            prepare_split(BuildPlan(build_id(), 6), str(output), overwrite=False)
    assert read_build_plan(str(output), 'train') == BuildPlan(build_id(), 6)
    prepare_split(BuildPlan(build_id(), 6), str(output), overwrite=False)
    for i in range(len(infos)):
        path = shard_info_path(str(output), 'train', f'train-{i:05d}-of-00003')
        assert read_shard_info(path) is not None


def test_prepare_split_killed_after_any_deletion_loses_no_shard(finished, monkeypatch):
    from indexed_imagenet.transforms import prepare_output as module

    output, infos = finished
    whole = module.storage.delete

    class Killed(BaseException):
        pass

    def delete_and_kill(path):
        whole(path)
        raise Killed

    for _ in range(4):  # manifest, offsets, and two lists are deleted
        with monkeypatch.context() as patched:
            patched.setattr(module.storage, 'delete', delete_and_kill)
            with pytest.raises(Killed):
                prepare_split(BuildPlan(build_id(), 6), str(output), overwrite=False)
        assert read_build_plan(str(output), 'train') == BuildPlan(build_id(), 6)
    prepare_split(BuildPlan(build_id(), 6), str(output), overwrite=False)
    for i in range(len(infos)):
        path = shard_info_path(str(output), 'train', f'train-{i:05d}-of-00003')
        assert read_shard_info(path) is not None
