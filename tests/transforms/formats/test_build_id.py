import dataclasses
import json

import numpy as np
import pytest

from indexed_imagenet.transforms.formats.build_id import BuildId, make_build_id
from indexed_imagenet.transforms.formats.example_encoder import make_labels
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.formats.shuffle import Shuffle
from support.reports import build_id

LABELS = make_labels(['n1', 'n2'], ['tench', 'red fox'])
INDEX = SplitIndex(np.array([b'a', b'bc']), np.array([0, 1], np.int16))


def made(index=INDEX, labels=LABELS, shuffle=None, split='train'):
    return make_build_id(split, index, labels, shuffle or Shuffle(2, 1, 0))


def test_make_build_id_any_changed_input_changes_digest_and_one_field():
    others = [
        made(split='validation'),
        made(SplitIndex(np.array([b'a', b'b']), INDEX.labels)),
        made(SplitIndex(INDEX.names[::-1], INDEX.labels)),
        made(SplitIndex(INDEX.names, INDEX.labels[::-1])),
        made(labels=make_labels(['n1', 'n3'], ['tench', 'red fox'])),
        made(labels=make_labels(['n1', 'n2'], ['tench', 'red  fox'])),
        made(shuffle=Shuffle(2, 2, 0)),
        made(shuffle=Shuffle(2, 1, 1)),
        dataclasses.replace(made(), record_version=2),
    ]
    digests = {build_id.digest for build_id in (made(), *others)}
    assert len(digests) == 1 + len(others)
    assert all(len(made().differences(other)) == 1 for other in others)


def test_make_build_id_wider_dtypes_give_same_id():
    wider = SplitIndex(INDEX.names.astype('S50'), INDEX.labels.astype(np.int64))
    assert made(wider) == made()


def test_differences_name_both_values():
    assert build_id().differences(build_id(shuffle=Shuffle(6, 5, 3))) == [
        'number of shards: 5 there, 3 now',
        '--shuffle_seed: 3 there, 0 now',
    ]
    [difference] = build_id().differences(build_id(labels='f' * 64))
    assert difference == (
        "the index's labels (--imagenet_index_file): sha256 ffffffffffff… there, "
        'bbbbbbbbbbbb… now'
    )


def test_from_dict_returns_what_to_dict_wrote():
    assert BuildId.from_dict(json.loads(json.dumps(build_id().to_dict()))) == build_id()


@pytest.mark.parametrize(
    'change',
    [
        {'num_shards': '3'},
        {'num_shards': True},
        {'names': None},
        {'more': 1},
        {'num_shards': 7},
        {'shuffle_seed': -1},
    ],
)
def test_from_dict_wrong_field_raises(change):
    with pytest.raises(ValueError):
        BuildId.from_dict(build_id().to_dict() | change)


@pytest.mark.parametrize('fields', [None, [], {}, {'split': 'train'}])
def test_from_dict_missing_fields_raise(fields):
    with pytest.raises(ValueError):
        BuildId.from_dict(fields)
