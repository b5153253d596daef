"""What goes from step to step once the shards are grouped, and on to the manifest."""

import json
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from indexed_imagenet.transforms.formats.shard_info import Converted, ShardInfo


class Record(NamedTuple):
    """One record of a shard.

    Attributes:
      shard: the shard it belongs to, from 0.
      position: its place in the shard, from 0, without gaps.
      index: the example's position in the index file.
      parts: the serialized tf.train.Example, in parts.
    """

    shard: int
    position: int
    index: int
    parts: tuple[bytes, ...]

    @property
    def payload(self) -> bytes:
        """The serialized tf.train.Example."""
        return b''.join(self.parts)


class Rejection(NamedTuple):
    """An image that cannot go into a record, and why."""

    index: int
    path: str
    reason: str


class Rejections(NamedTuple):
    """The rejected images of one shard, packed.

    A million of them are 12 MB like this, and over a gigabyte as Python objects.

    Attributes:
      count: how many.
      packed: the ``Rejection``s as compressed JSON.
    """

    count: int
    packed: bytes

    @classmethod
    def pack(cls, rejections: Iterable[Rejection]) -> 'Rejections':
        """Packs the images of one shard, in the order of their indices."""
        rejections = sorted(rejections)
        return cls(len(rejections), zlib.compress(json.dumps(rejections).encode(), 1))

    def unpack(self) -> list[Rejection]:
        """The images again."""
        return [Rejection(*entry) for entry in json.loads(zlib.decompress(self.packed))]


class ShardPlan(NamedTuple):
    """A shard that is to be made.

    Attributes:
      shard: from 0.
      rows: its images in the order of their places, see ``rows.row_dtype``.
      missing: indices that belong into this shard and have no image, int32.
    """

    shard: int
    rows: np.ndarray
    missing: np.ndarray


class ShardReport(NamedTuple):
    """What became of one shard.

    Attributes:
      shard: from 0.
      record: what is known of its file, or None if there is no such file.
      kept: whether an earlier run had made it.
      labels: the labels that occur, shape [k], int16, from 0.
      missing: indices that belong into this shard and have no image, shape
        [m], int32.
      rejected: the images that cannot be used.
      started: when the first image was about to be read, in seconds since 1970.
      finished: when the file was in place, in seconds since 1970.
    """

    shard: int
    record: ShardInfo | None
    kept: bool
    labels: np.ndarray
    missing: np.ndarray
    rejected: Rejections
    started: float
    finished: float


class ShardEnd(NamedTuple):
    """The mark after the last record of a shard.

    Attributes:
      shard: from 0.
      num_records: how many records came before this mark.
      wanted: whether the shard is to be written; if not, nothing of it is kept.
      build_id, rows, check, converted: as in ``ShardInfo``.
      report: what is to be said of the shard, but for its record.
    """

    shard: int
    num_records: int
    wanted: bool
    build_id: str
    rows: str
    check: str
    converted: tuple[Converted, ...]
    report: ShardReport
