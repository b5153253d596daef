"""Makes marks and reports of shards for tests."""

import numpy as np

from indexed_imagenet.transforms.elements import Rejections, ShardEnd, ShardReport
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.shard_info import QUICK, RECORD_DTYPE, ShardInfo

NOTHING = np.empty(0, np.int32)


def build_id(**changes) -> BuildId:
    """The build_id of a build of six examples into three shards."""
    fields = {
        'split': 'train',
        'names': 'a' * 64,
        'labels': 'b' * 64,
        'classes': 'c' * 64,
        'num_examples': 6,
        'num_shards': 3,
        'shuffle_seed': 0,
    }
    return BuildId(**(fields | changes))


def shard_info(index, length=10, **changes) -> ShardInfo:
    """The record of a shard with these examples, each payload of the same length."""
    content = np.array([(i, length, 100 + i) for i in index], RECORD_DTYPE)
    fields = {
        'build_id': build_id().digest,
        'rows': 'd' * 64,
        'check': QUICK,
        'converted': (),
        'content': content,
    }
    return ShardInfo(**(fields | changes))


def report(shard, record=None, kept=False, missing=(), rejected=()) -> ShardReport:
    """What became of a shard; times and labels go by its number."""
    return ShardReport(
        shard,
        record,
        kept,
        np.array([shard, 7], np.int16),
        np.array(missing, np.int32),
        Rejections.pack(rejected),
        started=100.0 + shard,
        finished=200.0 + shard,
    )


def end_mark(shard, num_records, wanted=True) -> ShardEnd:
    """The end mark of a shard."""
    return ShardEnd(
        shard, num_records, wanted, 'build_id', 'rows', QUICK, (), report(shard)
    )
