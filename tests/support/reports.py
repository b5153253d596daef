"""Makes build IDs, and entries, end marks and reports of shards, for tests."""

import numpy as np

from indexed_imagenet.transforms.elements import (
    FinishedShard,
    Rejections,
    ShardEnd,
    ShardReport,
    UnwrittenShard,
)
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.formats.shard_info import (
    QUICK,
    RECORD_DTYPE,
    ShardInfo,
)
from indexed_imagenet.transforms.formats.shuffle import Shuffle

# The index of six examples that the build IDs here are about.
INDEX = SplitIndex(
    np.array([b'image%d.JPEG' % i for i in range(6)]), np.arange(6, dtype=np.int16)
)


def build_id(seed=0, **changes) -> BuildId:
    """Returns the build ID of six examples in three shards."""
    fields = {
        'split': 'train',
        'names': 'a' * 64,
        'labels': 'b' * 64,
        'classes': 'c' * 64,
        'shuffle': Shuffle(6, 3, seed),
    }
    return BuildId(**(fields | changes))


def shard_info(index, length=10, **changes) -> ShardInfo:
    """Returns the entry of a shard with these examples, all payloads of one length."""
    fields = {
        'build_id': build_id().digest,
        'rows': 'd' * 64,
        'check': QUICK,
        'converted': (),
        'records': np.array([(i, length, 100 + i) for i in index], RECORD_DTYPE),
    }
    return ShardInfo(**(fields | changes))


def report(shard, info=None, kept=False, missing=(), rejected=()) -> ShardReport:
    """Returns the report on a shard; times and labels depend on its number."""
    absent, bad = np.array(missing, np.int32), Rejections.pack(rejected)
    if info is None:
        return UnwrittenShard(shard, absent, bad)
    labels = np.array([shard, 7], np.int16)
    started, finished = 100.0 + shard, 200.0 + shard
    return FinishedShard(shard, absent, bad, info, kept, labels, started, finished)


def end_mark(shard, num_records, wanted=True) -> ShardEnd:
    """Returns the end mark of a shard."""
    return ShardEnd(
        shard,
        num_records,
        wanted,
        'build_id',
        'rows',
        QUICK,
        converted=(),
        labels=np.array([shard, 7], np.int16),
        missing=np.empty(0, np.int32),
        rejected=Rejections.pack([]),
        started=100.0 + shard,
    )
