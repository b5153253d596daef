"""Bad images are skipped as an exception only, and read errors never are."""

import os

import pytest

from indexed_imagenet.transforms.formats.build_plan import BuildPlan, read_build_plan
from indexed_imagenet.transforms.formats.manifest import read_manifest
from indexed_imagenet.transforms.inputs import read_images
from indexed_imagenet.transforms.write_manifest import has_too_few_images
from support.commands import digests


@pytest.fixture
def images(tree):
    return sorted((tree / 'train').glob('*/*'))


@pytest.fixture
def output(tmp_path):
    return tmp_path / 'out'


def empty(paths):
    for path in paths:
        path.write_bytes(b'')


def errors(ended):
    return [line for line in ended.err.splitlines() if line.startswith('error: ')]


@pytest.mark.parametrize(
    ('examples', 'bad', 'fraction', 'withheld'),
    [
        (0, 0, 1.0, True),
        (0, 5, 1.0, True),
        (1, 10, 0.0, False),
        (1, 11, 0.5, True),
        (89, 11, 0.11, False),
        (89, 11, 0.109, True),
        (1268356, 12811, 0.01, False),
        (1268355, 12812, 0.01, True),
    ],
)
def test_has_too_few_images_at_its_limits(examples, bad, fraction, withheld):
    summary = {'examples': examples, 'rejected': bad}
    assert has_too_few_images(summary, fraction) == withheld


def test_skip_beyond_the_fraction_fails_and_a_higher_one_keeps_every_shard(
    build, images, output
):
    empty(images[:12])
    ended = build('--bad_images=skip')
    assert ended.status == 1
    assert errors(ended)[-1] == (
        'error: train: 12 of 51 images are bad, a share of 0.2353 (expected at most '
        '0.01), so no manifest was written; replace them with good copies and rerun the '
        'same command, or accept them with --max_bad_fraction=0.24: finished shards are '
        'kept'
    )
    assert 'train: unfinished, too few images can be used' in ended.out
    assert 'validation: complete' in ended.out
    assert not (output / 'train.json').exists()
    assert len(list(output.glob('train-*-of-*'))) == 4
    ended = build('--bad_images=skip', '--max_bad_fraction=0.24')
    assert ended.status == 0, ended.err
    assert '4 (4 kept)' in ended.out
    manifest = read_manifest(str(output), 'train')
    assert (manifest.examples, len(manifest.skipped)) == (39, 12)
    listed = (output / 'rejected-train.csv').read_text().splitlines()
    assert len(listed) == 13


def test_rerun_with_one_bad_image_replaced_remakes_its_shard_only(build, images, output):
    content = images[0].read_bytes()
    empty(images[:12])
    assert build('--bad_images=skip').status == 1
    images[0].write_bytes(content)
    ended = build('--bad_images=skip', '--max_bad_fraction=0.5')
    assert ended.status == 0, ended.err
    assert '4 (3 kept)' in ended.out
    assert len(read_manifest(str(output), 'train').skipped) == 11


def test_a_split_without_one_record_fails_whatever_the_fraction(build, images, output):
    empty(images)
    ended = build('--bad_images=skip', '--max_bad_fraction=1')
    assert ended.status == 1
    assert errors(ended)[-1] == (
        'error: train: none of 51 images can be used (expected at least one), so no '
        'manifest was written; replace them with good copies and rerun the same command'
    )
    assert not (output / 'train.json').exists()


@pytest.mark.parametrize('value', ['-0.1', '1.01', 'nan', 'x'])
def test_max_bad_fraction_outside_0_to_1_is_refused(build, value):
    ended = build(f'--max_bad_fraction={value}')
    assert ended.status == 2
    [line] = errors(ended)
    assert f'{value!r} is not a number from 0 to 1' in line


def test_read_errors_fail_the_build_also_with_skip(
    build, images, tree, output, monkeypatch
):
    bad = os.fsencode(images[0])
    read = read_images._read_fd

    def fail_on_one(fd, row):
        if bad.endswith(row.source):
            raise PermissionError(13, 'Permission denied')
        return read(fd, row)

    monkeypatch.setattr(read_images, '_read_fd', fail_on_one)
    ended = build('--bad_images=skip')
    assert ended.status == 1
    first, last = errors(ended)
    assert first.endswith(': cannot be read: Permission denied; make the file readable')
    assert last == (
        f'error: train: 1 image rejected, listed in {output}/rejected-train.csv; 1 of 4 '
        'shards not written, because 1 image could not be read; make them readable and '
        'rerun the same command to build only those shards'
    )
    assert read_build_plan(str(output), 'train').rejected == 0
    monkeypatch.undo()
    ended = build('--bad_images=skip')
    assert ended.status == 0
    assert '4 (3 kept)' in ended.out


def test_what_is_not_a_regular_file_is_a_bad_image(build, images, output):
    images[0].unlink()
    os.mkfifo(images[0])
    ended = build('--bad_images=skip')
    assert ended.status == 0, ended.err
    assert ': not a regular file; ' in ended.err
    assert len(read_manifest(str(output), 'train').skipped) == 1


class TestRejectedImageRemoved:
    """An image that was rejected may be missing from the next run."""

    def test_after_an_unfinished_build(self, build, images, output):
        empty(images[:2])
        assert build().status == 1
        plan = read_build_plan(str(output), 'train')
        assert (plan.images, plan.rejected) == (51, 2)
        images[0].unlink()
        assert build().status == 1
        plan = read_build_plan(str(output), 'train')
        assert (plan.images, plan.rejected) == (50, 1)
        images[1].unlink()
        ended = build()
        assert ended.status == 0, ended.err
        assert len(read_manifest(str(output), 'train').missing) == 2

    def test_after_a_build_that_skipped_it(self, build, images, output):
        empty(images[:1])
        assert build('--bad_images=skip').status == 0
        before = digests(output)
        images[0].unlink()
        ended = build()
        assert ended.status == 0, ended.err
        assert '4 (4 kept)' in ended.out
        manifest = read_manifest(str(output), 'train')
        assert (len(manifest.missing), len(manifest.skipped)) == (1, 0)
        after = digests(output)
        assert {n: after[n] for n in after if '-of-' in n} == {
            n: before[n] for n in before if '-of-' in n
        }

    def test_but_not_more_than_were_rejected(self, build, images, output):
        empty(images[:1])
        assert build('--bad_images=skip').status == 0
        for path in images[:3]:
            path.unlink()
        ended = build()
        assert ended.status == 1
        assert '48 now, 51 then, 1 of them bad' in ended.err

    def test_duplicates_that_block_the_build_are_not_rejected(
        self, build, images, output
    ):
        assert build().status == 0
        (images[0].parent.parent / images[0].name).write_bytes(images[0].read_bytes())
        assert build().status == 1
        plan = read_build_plan(str(output), 'train')
        assert plan == BuildPlan(plan.build_id, 51, 0)
