"""What goes from the encoding step to the writing step, and on from there."""

from typing import NamedTuple

import numpy as np


class Record(NamedTuple):
    """One record of a shard.

    Attributes:
      shard: the shard it belongs to, from 0.
      position: its place in the shard, from 0, without gaps.
      payload: the serialized tf.train.Example.
    """

    shard: int
    position: int
    payload: bytes


class Rejection(NamedTuple):
    """An image that cannot go into a record, and why."""

    index: int
    path: str
    reason: str


class ShardEnd(NamedTuple):
    """The mark after the last record of a shard.

    Attributes:
      shard: the shard, from 0.
      num_records: how many records came before this mark.
      wanted: whether the shard is to be written; if not, nothing of it is kept.
      labels: the labels that occur, shape [k], int16, from 0.
      converted: (index, what it was converted from) of the converted images.
      missing: indices that belong into this shard and have no image, shape
        [m], int32.
      rejected: the images that cannot be used.
      started: when the first image was about to be read, in seconds since 1970.
    """

    shard: int
    num_records: int
    wanted: bool
    labels: np.ndarray
    converted: list[tuple[int, str]]
    missing: np.ndarray
    rejected: list[Rejection]
    started: float


class ShardReport(NamedTuple):
    """What became of one shard, as the writer saw it.

    Attributes:
      end: the shard's end mark.
      written: whether its file stands under its final name.
      num_bytes: the size of that file, 0 if it was not written.
      finished: when the file was in place, in seconds since 1970.
    """

    end: ShardEnd
    written: bool
    num_bytes: int
    finished: float
