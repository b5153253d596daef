"""Reads how far ``verify`` has come, from the notes that its workers leave."""

import collections
import contextlib
from collections.abc import Sequence

from indexed_imagenet.transforms import storage
from indexed_imagenet.verify import SplitCheck


class CheckedShardsReader:
    """A reader of the notes on checked shards, one empty file per shard.

    Attributes:
      unit: what is counted: records if their number is known, shards otherwise.
      idle: what to show before anything is known.
      shows_end: whether the end is shown if nothing was shown before.
      totals: how many there are, by split.
      records: how many were checked, by split.
    """

    idle = 'starting'
    shows_end = False

    def __init__(self, folder: str, checks: Sequence[SplitCheck]):
        self._folder = folder
        records = [
            sum(task.entry.records for task in check.tasks if task.entry)
            for check in checks
        ]
        self.unit = 'records' if all(records) else 'shards'
        counts = records if all(records) else [len(check.tasks) for check in checks]
        splits = [check.spec.split for check in checks]
        self.totals = dict(zip(splits, counts, strict=True))
        self.records: dict[str, int] = {}

    def update(self) -> None:
        """Reads the notes. If that fails, the next update will."""
        with contextlib.suppress(OSError, ValueError):
            counts: collections.Counter[str] = collections.Counter()
            for name in map(storage.os_name, storage.list_folder(self._folder).files):
                shard, _, end = name.rpartition('.')[0].rpartition('.')
                if name.endswith('.checked'):
                    number = int(end) if self.unit == 'records' else 1
                    counts[shard.partition('-')[0]] += number
            self.records = dict(counts)
