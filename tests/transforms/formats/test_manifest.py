import dataclasses
import json

import pytest

from indexed_imagenet.transforms.formats.layout import manifest_path, shard_names
from indexed_imagenet.transforms.formats.manifest import (
    Manifest,
    ShardEntry,
    read_manifest,
)
from indexed_imagenet.transforms.formats.shard_info import QUICK, Converted
from support.reports import build_id

# Six examples: three present, two without an image, one rejected.
MANIFEST = Manifest(
    build_id=build_id(),
    examples=3,
    classes=4,
    bytes=78,
    fingerprint='e' * 64,
    check=QUICK,
    missing=(1, 3),
    skipped=(2,),
    converted=(Converted(4, 'PNG', 'tensorflow 2.21.0, x86_64'),),
    shards=tuple(
        ShardEntry(name, records, 26 * records, 'f' * 64, 'd' * 64)
        for name, records in zip(shard_names('train', 3), (2, 1, 0), strict=True)
    ),
)


def test_complete_only_without_missing_and_skipped():
    assert not MANIFEST.complete
    assert not dataclasses.replace(MANIFEST, missing=()).complete
    assert not dataclasses.replace(MANIFEST, skipped=()).complete
    assert dataclasses.replace(MANIFEST, missing=(), skipped=()).complete


def test_from_json_returns_what_to_json_wrote():
    content = MANIFEST.to_json()
    assert Manifest.from_json(content) == MANIFEST
    assert json.loads(content)['complete'] is False
    assert len(content.splitlines()) == 18  # one line per field, one per shard


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
def test_read_manifest_wrong_field_raises(tmp_path, change):
    fields = json.loads(MANIFEST.to_json()) | change
    (tmp_path / 'train.json').write_text(json.dumps(fields))
    with pytest.raises(ValueError, match='train.json is not a manifest'):
        read_manifest(str(tmp_path), 'train')


@pytest.mark.parametrize('name', ['../../x', 'train-00001-of-00004', 'x'])
def test_read_manifest_wrong_shard_name_raises(tmp_path, name):
    fields = json.loads(MANIFEST.to_json())
    fields['shards'][1]['name'] = name
    (tmp_path / 'train.json').write_text(json.dumps(fields))
    with pytest.raises(ValueError, match='its shards are not the 3 of train'):
        read_manifest(str(tmp_path), 'train')


@pytest.mark.parametrize('content', [b'', b'{', b'[]', b'3', b'\xff'])
def test_read_manifest_other_content_raises(tmp_path, content):
    (tmp_path / 'train.json').write_bytes(content)
    with pytest.raises(ValueError, match='train.json is not a manifest'):
        read_manifest(str(tmp_path), 'train')


def test_read_manifest_missing_file_is_none(tmp_path):
    assert read_manifest(str(tmp_path), 'train') is None


def test_read_manifest_returns_what_was_written(tmp_path):
    (tmp_path / 'train.json').write_bytes(MANIFEST.to_json())
    assert read_manifest(str(tmp_path), 'train') == MANIFEST


def test_read_manifest_of_other_split_raises(tmp_path):
    with open(manifest_path(str(tmp_path), 'validation'), 'wb') as file:
        file.write(MANIFEST.to_json())
    with pytest.raises(ValueError, match="validation.json is not a man.* of 'train'"):
        read_manifest(str(tmp_path), 'validation')


def test_read_manifest_examples_unaccounted_for_raise(tmp_path):
    manifest = dataclasses.replace(MANIFEST, missing=(1,))
    (tmp_path / 'train.json').write_bytes(manifest.to_json())
    with pytest.raises(ValueError, match='accounts for 5 examples, but the index has 6'):
        read_manifest(str(tmp_path), 'train')
