import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that

from indexed_imagenet.transforms.elements import Rejection, UnwrittenShard
from indexed_imagenet.transforms.formats.layout import shard_info_path, staging_dir
from indexed_imagenet.transforms.formats.shard_info import DECODE, QUICK, digest_rows
from indexed_imagenet.transforms.formats.shuffle import Shuffle
from indexed_imagenet.transforms.input_report import (
    InputReport,
    IssueKind,
)
from indexed_imagenet.transforms.plan_shards import (
    PlanShards,
    find_finished,
    read_shard_info,
    reject_duplicates,
)
from indexed_imagenet.transforms.rows import make_rows, pack_rows
from indexed_imagenet.transforms.storage.atomic import atomic_write
from support.reports import build_id, shard_info

SHUFFLE = Shuffle(6, 3, 0)
GOOD = InputReport({'train': 2})
NAME = 'train-00001-of-00003'


def make(indices, names=None):
    names = names or [b'n%d.JPEG' % i for i in indices]
    return make_rows(names, names, np.array(indices), np.array(indices) % 2)


INDICES = SHUFFLE.expected(1).tolist()
ROWS = make(INDICES)
DIGEST = digest_rows(ROWS['index'], ROWS['label'], ROWS['name'].tolist())


def finish(output, **changes):
    """Writes a finished shard 1 and its entry; returns the entry."""
    info = shard_info(INDICES, **({'rows': DIGEST} | changes))
    path = shard_info_path(str(output), 'train', NAME)
    atomic_write(path, info.to_json(), staging_dir(str(output)))
    (output / NAME).write_bytes(b'x' * info.num_bytes)
    return info


def run_step(
    new_pipeline, output, check, rows=ROWS, input_report=GOOD, check_images=QUICK
):
    keyed = (1, [pack_rows(rows)])
    with new_pipeline() as pipeline:
        side = beam.pvalue.AsSingleton(
            pipeline | 'input_report' >> beam.Create([input_report])
        )
        found = (
            pipeline
            | beam.Create([keyed])
            | PlanShards(build_id(), str(output), check_images, side)
        )
        for tag in ('plans', 'reports'):
            assert_that(found[tag], lambda made, tag=tag: check(tag, made), label=tag)


def is_planned(tag, made):
    assert len(made) == (tag == 'plans')


def test_plan_shards_finished_shard_is_kept(new_pipeline, tmp_path):
    info = finish(tmp_path)

    def check(tag, made):
        assert len(made) == (tag == 'reports')
        for report in made:
            assert (report.shard, report.kept) == (1, True)
            assert report.info.to_json() == info.to_json()
            assert report.labels.tolist() == sorted({i % 2 for i in INDICES})
            assert report.missing.tolist() == []

    run_step(new_pipeline, tmp_path, check)
    assert (tmp_path / NAME).exists()


def test_plan_shards_absent_shard_is_planned_in_rank_order(new_pipeline, tmp_path):
    def check(tag, made):
        is_planned(tag, made)
        for plan in made:
            assert plan.shard == 1
            assert plan.rows['index'].tolist() == INDICES[1:]
            assert plan.missing.tolist() == INDICES[:1]

    run_step(new_pipeline, tmp_path, check, rows=make(INDICES[1:]))


def cut(output):
    finish(output)
    (output / NAME).write_bytes(b'x')


def garble(output):
    finish(output)
    path = output / '.build' / 'train' / f'{NAME}.json'
    path.write_bytes(path.read_bytes()[:99])


@pytest.mark.parametrize(
    'damage',
    [
        lambda output: finish(output, build_id='0' * 64),
        lambda output: finish(output, rows='0' * 64),
        cut,
        garble,
        lambda output: (output / NAME).write_bytes(b'x' * 52),
    ],
)
def test_plan_shards_invalid_shard_is_deleted_and_planned(new_pipeline, tmp_path, damage):
    damage(tmp_path)
    run_step(new_pipeline, tmp_path, is_planned)
    left = [p for p in tmp_path.rglob('*') if p.is_file()]
    assert all(read_shard_info(str(path)) is None or path.stem == NAME for path in left)
    assert not (tmp_path / NAME).exists()


def test_find_finished_shard_written_meanwhile_is_not_deleted(tmp_path, monkeypatch):
    from indexed_imagenet.transforms import plan_shards

    whole = plan_shards.read_shard_info

    def read_and_finish_elsewhere(path):
        found = whole(path)
        finish(tmp_path)
        return found

    monkeypatch.setattr(plan_shards, 'read_shard_info', read_and_finish_elsewhere)
    path = shard_info_path(str(tmp_path), 'train', NAME)
    assert find_finished(str(tmp_path / NAME), path, lambda info: True) is None
    assert (tmp_path / NAME).exists()
    monkeypatch.undo()
    assert find_finished(str(tmp_path / NAME), path, lambda info: True)


@pytest.mark.parametrize(
    ('indices', 'names'), [(INDICES[1:], None), (INDICES, [b'a', b'b'])]
)
def test_plan_shards_shard_of_other_rows_is_planned(
    new_pipeline, tmp_path, indices, names
):
    finish(tmp_path)
    run_step(new_pipeline, tmp_path, is_planned, rows=make(indices, names))
    assert not (tmp_path / NAME).exists()


def test_plan_shards_weaker_check_is_planned_stronger_is_kept(new_pipeline, tmp_path):
    finish(tmp_path)
    run_step(new_pipeline, tmp_path, is_planned, check_images=DECODE)
    finish(tmp_path, check=DECODE)

    def check(tag, made):
        assert len(made) == (tag == 'reports')

    run_step(new_pipeline, tmp_path, check, check_images=QUICK)


def test_plan_shards_blocking_report_plans_and_deletes_nothing(new_pipeline, tmp_path):
    finish(tmp_path, build_id='0' * 64)
    rows = make([INDICES[0], INDICES[0]], [b'n1/a', b'a'])

    def check(tag, made):
        assert len(made) == (tag == 'reports')
        for report in made:
            assert isinstance(report, UnwrittenShard)
            assert report.rejected.unpack() == [
                Rejection(INDICES[0], 'a', 'duplicate'),
                Rejection(INDICES[0], 'n1/a', 'duplicate'),
            ]

    bad = InputReport.of('train', IssueKind.UNKNOWN, ['x'])
    run_step(new_pipeline, tmp_path, check, rows=rows, input_report=bad)
    assert (tmp_path / NAME).exists()


def test_reject_duplicates_names_both_paths():
    rows = make([7, 8, 7, 9], [b'n1/a', b'b', b'a', b'c'])
    assert reject_duplicates(rows) == [
        Rejection(7, 'n1/a', 'duplicate'),
        Rejection(7, 'a', 'duplicate'),
    ]


def test_plan_shards_unknown_check_raises():
    with pytest.raises(ValueError, match="check is 'none' \\(expected one of quick, dec"):
        PlanShards(build_id(), '', 'none', None)
