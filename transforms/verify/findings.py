"""What a shard to be checked is, and what checking it has found."""

import dataclasses

import numpy as np

from indexed_imagenet.text import (
    MAX_SHOWN_FAULTS_PER_SHARD,
    counted,
)
from indexed_imagenet.transforms.formats.manifest import ShardEntry
from indexed_imagenet.transforms.formats.shard_info import (
    RECORD_DTYPE,
)
from indexed_imagenet.transforms.verify.fault import Fault

# Where a record is and what it is: RECORD_DTYPE, and the offset of its frame.
LOCATED_RECORD_DTYPE = np.dtype([('offset', '<i8'), *RECORD_DTYPE.descr])


@dataclasses.dataclass(frozen=True, slots=True)
class ShardTask:
    """A shard to be checked.

    Attributes:
      path: the file.
      number: which shard of its split it is, from 0.
      entry: what the manifest says of it, None without a manifest.
    """

    path: str
    number: int
    entry: ShardEntry | None


@dataclasses.dataclass(frozen=True, slots=True)
class ShardFindings:
    """What checking a shard has found.

    Attributes:
      task: the shard.
      num_faults: how many.
      faults: the first few of them.
      records: shape [n], dtype ``LOCATED_RECORD_DTYPE``, in file order.
      classes: what the records say of each class: (label, synset, text).
      is_read: whether it was read to its end.
      is_damaged: whether it was not, or a checksum is wrong.
      mismatch: the first difference from what the manifest says of it, or ''.
      canonical: the same records in canonical form, shape [n], dtype ``RECORD_DTYPE``;
        None if they all are in that form.
      num_other: how many records are not in canonical form.
    """

    task: ShardTask
    num_faults: int
    faults: list[Fault]
    records: np.ndarray
    classes: list[tuple[int, bytes, bytes]]
    is_read: bool
    is_damaged: bool
    mismatch: str
    canonical: np.ndarray | None
    num_other: int


class FaultList:
    """Collects the faults of one shard; all its damage together is the first of them."""

    def __init__(self, path: str):
        self._path = path
        self._damage: Fault | None = None
        self._num_damaged = 0
        self._num_others = 0
        self._others: list[Fault] = []

    def add(self, what: str, offset: int = -1, index: int = -1) -> None:
        """Adds a fault; after the first few, only counts it."""
        self._num_others += 1
        if len(self._others) < MAX_SHOWN_FAULTS_PER_SHARD:
            self._others.append(Fault(self._path, what, offset, index))

    def add_damage(self, what: str, offset: int = -1, index: int = -1) -> None:
        """Adds a place where the file is damaged; after the first, only counts it."""
        self._num_damaged += 1
        if self._damage is None:
            self._damage = Fault(self._path, what, offset, index)

    @property
    def is_damaged(self) -> bool:
        """Whether the file is damaged at all."""
        return self._damage is not None

    @property
    def num_faults(self) -> int:
        """How many faults there are."""
        return self._num_others + self.is_damaged

    @property
    def faults(self) -> list[Fault]:
        """The first few faults."""
        if self._damage is None:
            return self._others
        damage, more = self._damage, self._num_damaged - 1
        if more:
            what = f'{damage.what} (and {counted(more, "more such place")})'
            damage = dataclasses.replace(damage, what=what)
        return [damage, *self._others][:MAX_SHOWN_FAULTS_PER_SHARD]
