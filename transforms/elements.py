"""What flows from step to step, apart from rows."""

import dataclasses
import json
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from indexed_imagenet.text import printable
from indexed_imagenet.transforms.formats.image_warnings import ImageWarnings
from indexed_imagenet.transforms.formats.shard_info import Converted, ShardInfo


@dataclasses.dataclass(frozen=True, slots=True)
class ImageRefs:
    """Files of one folder, or members of one archive, that may be images.

    Attributes:
      folder: the class folder that they are in; b'' if they are in none.
      names: basenames.
      location: where the files are, or which archive, relative to the split's
        directory; None if that is ``folder``.
      spans: shape [len(names)], ``rows.SPAN_DTYPE``: where each is in the archive;
        None for files.
    """

    folder: bytes
    names: list[bytes]
    location: bytes | None = None
    spans: np.ndarray | None = None

    def path(self, name: bytes) -> str:
        """Returns the path of one of them for people."""
        parts = [self.folder] if self.location is None else [self.location]
        if self.spans is not None:
            parts.append(self.folder)
        return '/'.join(printable(part) for part in (*parts, name) if part)

    def source(self, name: bytes) -> bytes:
        """Returns the file to read for one of them, relative to the directory."""
        location = self.folder if self.location is None else self.location
        if self.spans is not None or not location:
            return location or name
        return location + b'/' + name


class Record(NamedTuple):
    """One record of a shard. One is made per image, hence the tuple.

    Attributes:
      shard: the shard it belongs to, from 0.
      position: its place in the shard, from 0, without gaps.
      index: the example's position in the index file.
      parts: the serialized tf.train.Example, in parts.
    """

    shard: int
    position: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    parts: tuple[bytes, ...]

    @property
    def payload(self) -> bytes:
        """The serialized tf.train.Example."""
        return b''.join(self.parts)


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Rejection:
    """An image that cannot go into a record, and why."""

    index: int
    path: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Rejections:
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
        rows = [dataclasses.astuple(rejection) for rejection in sorted(rejections)]
        return cls(len(rows), zlib.compress(json.dumps(rows).encode(), 1))

    def unpack(self) -> list[Rejection]:
        """Returns the images."""
        return [Rejection(*row) for row in json.loads(zlib.decompress(self.packed))]


@dataclasses.dataclass(frozen=True, slots=True)
class ShardPlan:
    """A shard that is to be made.

    Attributes:
      shard: from 0.
      rows: its images in the order of their ranks, see ``rows.row_dtype``.
      missing: indices that belong in this shard and have no image, int32.
      damaged: whether a damaged file was in its place.
    """

    shard: int
    rows: np.ndarray
    missing: np.ndarray
    damaged: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class ShardReport:
    """What became of one shard: ``FinishedShard`` or ``UnwrittenShard``.

    Attributes:
      shard: from 0.
      missing: indices that belong in this shard and have no image, shape [m], int32.
      rejected: the images that cannot be used.
    """

    shard: int
    missing: np.ndarray
    rejected: Rejections


@dataclasses.dataclass(frozen=True, slots=True)
class UnwrittenShard(ShardReport):
    """A shard without a file: the input is bad, or one of its images is.

    Attributes:
      blocked: whether the input as a whole is bad, so that no image was read.
    """

    blocked: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class FinishedShard(ShardReport):
    """A shard whose file is in place.

    Attributes:
      info: what is known of the file.
      kept: whether an earlier run had made it.
      labels: the labels that occur, shape [k], int16, from 0.
      started: when the first image was about to be read, in seconds since 1970.
      finished: when the file was in place, in seconds since 1970.
      damaged: whether it replaces a damaged file.
    """

    info: ShardInfo
    kept: bool
    labels: np.ndarray
    started: float
    finished: float
    damaged: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class ShardEnd:
    """The mark after the last record of a shard, with what the writer cannot know.

    Attributes:
      shard: from 0.
      num_records: how many records came before this mark.
      wanted: whether the shard is to be written; if not, nothing of it is kept.
      build_id, rows, check, converted, warnings: as in ``ShardInfo``.
      labels, missing, rejected, started, damaged: as in ``FinishedShard``.
    """

    shard: int
    num_records: int
    wanted: bool
    build_id: str
    rows: str
    check: str
    converted: tuple[Converted, ...]
    labels: np.ndarray
    missing: np.ndarray
    rejected: Rejections
    started: float
    warnings: ImageWarnings = ImageWarnings()
    damaged: bool = False
