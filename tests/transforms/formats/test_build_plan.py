import json

import pytest

from indexed_imagenet.transforms.formats.build_plan import (
    BuildPlan,
    read_build_plan,
    write_build_plan,
)
from indexed_imagenet.transforms.formats.layout import build_plan_path, manifest_path
from indexed_imagenet.transforms.formats.manifest import Manifest
from support.reports import build_id

PLAN = BuildPlan(build_id(), 6)


def write_manifest(output, **changes):
    fields = {
        'build_id': build_id(),
        'examples': 3,
        'classes': 2,
        'bytes': 78,
        'fingerprint': 'e' * 64,
        'check': 'quick',
        'missing': (1,),
        'skipped': (2, 3),
        'converted': (),
        'shards': (),
    }
    content = Manifest(**(fields | changes)).to_json()
    shards = [
        {'name': f'train-{i:05d}-of-00003', 'records': 1, 'bytes': 26}
        | {'digest': 'd' * 64, 'rows': 'r' * 64}
        for i in range(3)
    ]
    content = json.dumps(json.loads(content) | {'shards': shards})
    with open(manifest_path(str(output), 'train'), 'w') as file:
        file.write(content)


def test_read_build_plan_empty_directory_is_none(tmp_path):
    assert read_build_plan(str(tmp_path), 'train') is None


def test_read_build_plan_returns_what_was_written(tmp_path):
    write_build_plan(PLAN, str(tmp_path))
    assert read_build_plan(str(tmp_path), 'train') == PLAN
    assert read_build_plan(str(tmp_path), 'validation') is None
    files = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert list(map(str, files)) == [build_plan_path(str(tmp_path), 'train')]


def test_write_build_plan_twice_keeps_the_second(tmp_path):
    write_build_plan(PLAN, str(tmp_path))
    other = BuildPlan(build_id(seed=1), 4)
    write_build_plan(other, str(tmp_path))
    assert read_build_plan(str(tmp_path), 'train') == other


def test_read_build_plan_manifest_counts_present_and_skipped_images(tmp_path):
    write_build_plan(PLAN, str(tmp_path))
    write_manifest(tmp_path)
    assert read_build_plan(str(tmp_path), 'train') == BuildPlan(build_id(), 5, 2)


@pytest.mark.parametrize(
    'content',
    [b'', b'{', b'\xff', b'[]', b'null', b'{}', b'{"identity": {}, "images": 6}'],
)
def test_read_build_plan_other_content_raises_with_path(tmp_path, content):
    write_build_plan(PLAN, str(tmp_path))
    path = build_plan_path(str(tmp_path), 'train')
    with open(path, 'wb') as file:
        file.write(content)
    with pytest.raises(ValueError, match='identity.json is not the plan of a build'):
        read_build_plan(str(tmp_path), 'train')


@pytest.mark.parametrize('images', [None, '6', 6.0, True])
def test_read_build_plan_wrong_number_of_images_raises(tmp_path, images):
    path = tmp_path / '.build' / 'train' / 'identity.json'
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({'identity': build_id().to_dict(), 'images': images}))
    with pytest.raises(ValueError, match='is not an integer'):
        read_build_plan(str(tmp_path), 'train')
