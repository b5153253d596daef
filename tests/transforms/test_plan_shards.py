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
    """Puts a finished shard 1 into the directory; returns its record."""
    record = shard_info(INDICES, **({'rows': DIGEST} | changes))
    path = shard_info_path(str(output), 'train', NAME)
    atomic_write(path, record.to_json(), staging_dir(str(output)))
    (output / NAME).write_bytes(b'x' * record.num_bytes)
    return record


def look(new_pipeline, output, check, rows=ROWS, input_report=GOOD, thorough=QUICK):
    keyed = (1, [pack_rows(rows)])
    with new_pipeline() as pipeline:
        side = beam.pvalue.AsSingleton(
            pipeline | 'input_report' >> beam.Create([input_report])
        )
        found = (
            pipeline
            | beam.Create([keyed])
            | PlanShards(build_id(), str(output), thorough, side)
        )
        for tag in ('plans', 'reports'):
            assert_that(found[tag], lambda made, tag=tag: check(tag, made), label=tag)


def is_planned(tag, made):
    assert len(made) == (tag == 'plans')


def test_a_finished_shard_is_kept(new_pipeline, tmp_path):
    record = finish(tmp_path)

    def check(tag, made):
        assert len(made) == (tag == 'reports')
        for report in made:
            assert (report.shard, report.kept) == (1, True)
            assert report.info.to_json() == record.to_json()
            assert report.labels.tolist() == sorted({i % 2 for i in INDICES})
            assert report.missing.tolist() == []

    look(new_pipeline, tmp_path, check)
    assert (tmp_path / NAME).exists()


def test_a_shard_that_is_not_there_is_planned_in_order(new_pipeline, tmp_path):
    def check(tag, made):
        is_planned(tag, made)
        for plan in made:
            assert plan.shard == 1
            assert plan.rows['index'].tolist() == INDICES[1:]
            assert plan.missing.tolist() == INDICES[:1]

    look(new_pipeline, tmp_path, check, rows=make(INDICES[1:]))


def cut(output):
    finish(output)
    (output / NAME).write_bytes(b'x')


def garble(output):
    finish(output)
    path = output / '.build' / 'train' / f'{NAME}.json'
    path.write_bytes(path.read_bytes()[:99])


@pytest.mark.parametrize(
    'spoil',
    [
        lambda output: finish(output, build_id='0' * 64),
        lambda output: finish(output, rows='0' * 64),
        cut,
        garble,
        lambda output: (output / NAME).write_bytes(b'x' * 52),
    ],
)
def test_what_is_no_finished_shard_is_deleted_and_planned(new_pipeline, tmp_path, spoil):
    spoil(tmp_path)
    look(new_pipeline, tmp_path, is_planned)
    left = [p for p in tmp_path.rglob('*') if p.is_file()]
    assert all(read_shard_info(str(path)) is None or path.stem == NAME for path in left)
    assert not (tmp_path / NAME).exists()


def test_what_another_attempt_puts_there_meanwhile_is_left_alone(tmp_path, monkeypatch):
    from indexed_imagenet.transforms import plan_shards

    whole = plan_shards.read_shard_info

    def read_and_let_the_other_finish(path):
        found = whole(path)
        finish(tmp_path)
        return found

    monkeypatch.setattr(plan_shards, 'read_shard_info', read_and_let_the_other_finish)
    path = shard_info_path(str(tmp_path), 'train', NAME)
    digest = build_id().digest
    assert find_finished(str(tmp_path / NAME), path, digest, DIGEST, QUICK) is None
    assert (tmp_path / NAME).exists()
    monkeypatch.undo()
    assert find_finished(str(tmp_path / NAME), path, digest, DIGEST, QUICK)


@pytest.mark.parametrize(
    ('indices', 'names'), [(INDICES[1:], None), (INDICES, [b'a', b'b'])]
)
def test_a_shard_of_other_rows_is_made_anew(new_pipeline, tmp_path, indices, names):
    finish(tmp_path)
    look(new_pipeline, tmp_path, is_planned, rows=make(indices, names))
    assert not (tmp_path / NAME).exists()


def test_a_shard_whose_images_were_checked_less_is_made_anew(new_pipeline, tmp_path):
    finish(tmp_path)
    look(new_pipeline, tmp_path, is_planned, thorough=DECODE)
    finish(tmp_path, check=DECODE)

    def check(tag, made):
        assert len(made) == (tag == 'reports')

    look(new_pipeline, tmp_path, check, thorough=QUICK)


def test_a_bad_verdict_plans_nothing_and_touches_nothing(new_pipeline, tmp_path):
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
    look(new_pipeline, tmp_path, check, rows=rows, input_report=bad)
    assert (tmp_path / NAME).exists()


def test_images_that_share_an_index_are_named_by_path():
    rows = make([7, 8, 7, 9], [b'n1/a', b'b', b'a', b'c'])
    assert reject_duplicates(rows) == [
        Rejection(7, 'n1/a', 'duplicate'),
        Rejection(7, 'a', 'duplicate'),
    ]


def test_refuses_a_check_that_nobody_knows():
    with pytest.raises(ValueError, match="check is 'none' \\(expected one of quick, dec"):
        PlanShards(build_id(), '', 'none', None)
