"""What is known of a split before any record is read, from what is beside its shards."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from indexed_imagenet.errors import DatasetError, MissingExampleError
from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.manifest import Manifest, read_manifest
from indexed_imagenet.transforms.formats.offsets import (
    ABSENT,
    RecordOffsets,
    read_offsets,
)

# Up to this number of names, each is compared with all; more are looked up by a sort.
_FEW = 50


@dataclasses.dataclass(frozen=True)
class Source:
    """One split, opened.

    Attributes:
      split: ``train`` or ``validation``.
      shard_paths: of each shard, in order.
      offsets: where each example is, its label and name.
      manifest: None for a data set that another tool made.
    """

    split: str
    shard_paths: Sequence[str]
    offsets: RecordOffsets
    manifest: Manifest | None

    @property
    def num_examples(self) -> int:
        """The length of the index."""
        return len(self.offsets.shard)

    @functools.cached_property
    def indices(self) -> np.ndarray:
        """The indices of the examples that are present, int64, ascending."""
        return np.flatnonzero(self.offsets.shard != ABSENT)

    @functools.cached_property
    def filenames(self) -> np.ndarray:
        """The file name of each index, dtype U."""
        return np.char.decode(self._names, 'utf-8', 'backslashreplace')

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """The label of each index, int64, 0 to 999."""
        return self.offsets.label.astype(np.int64)

    @functools.cached_property
    def _names(self) -> np.ndarray:
        """The file name of each index, dtype S."""
        return self.offsets.names.unpack()

    @functools.cached_property
    def _order_of_names(self) -> np.ndarray:
        return np.argsort(self._names, kind='stable')

    def find(self, names: Sequence[str | bytes]) -> np.ndarray:
        """Returns the indices of file names; folders before them are ignored, int64.

        Raises:
          KeyError: the index lacks one.
        """
        encoded = [
            name if isinstance(name, bytes) else str(name).encode() for name in names
        ]
        found = self._look_up(encoded)
        for position in np.flatnonzero(found < 0).tolist():
            base = encoded[position].rpartition(b'/')[2]
            [found[position]] = self._look_up([base])
            if found[position] < 0:
                shown = printable(encoded[position])
                raise KeyError(f'{shown!r} is not a name of the {self.split} index')
        return found

    def _look_up(self, names: list[bytes]) -> np.ndarray:
        if len(names) < _FEW:  # one comparison with all names is faster than a sort
            found = [np.flatnonzero(self._names == name) for name in names]
            return np.array([at[0] if len(at) else -1 for at in found], np.int64)
        sought = np.array(names)
        order = self._order_of_names
        at = np.searchsorted(self._names, sought, sorter=order)
        candidates = order[np.minimum(at, len(order) - 1)]
        return np.where(self._names[candidates] == sought, candidates, -1)

    def check_present(self, indices: np.ndarray) -> None:
        """Checks that examples can be read.

        Args:
          indices: int64, of any shape.

        Raises:
          IndexError: one is outside the index.
          MissingExampleError: one is not present.
        """
        if not len(indices):
            return
        outside = (indices < 0) | (indices >= self.num_examples)
        if outside.any():
            raise self.outside(int(indices[outside][0]))
        absent = self.offsets.shard[indices] == ABSENT
        if absent.any():
            raise self.missing(int(indices[absent][0]))

    def outside(self, index: int) -> IndexError:
        """Returns the error for an index outside the index file."""
        why = ' (an index is a name: negative numbers do not count from the end)'
        return IndexError(
            f'index {index} is not in the {self.split} index (expected 0 to '
            f'{self.num_examples - 1:,}){why if index < 0 else ""}'
        )

    def missing(self, index: int) -> MissingExampleError:
        """Returns the error for an example that is not present."""
        name = self.offsets.names[index].decode('utf-8', 'backslashreplace')
        return MissingExampleError(
            f'{self.split} example {index} ({name}) is not in this data set, which has '
            f'{len(self.indices):,} of {self.num_examples:,}; ds.indices lists them'
        )


def open_source(directory: str, split: str) -> Source | None:
    """Opens a split that a build of ours has finished; None if there is none.

    Raises:
      DatasetError: the split is unfinished, too old, or damaged.
    """
    try:
        manifest = read_manifest(directory, split)
        if manifest is None:
            if storage.size(layout.build_plan_path(directory, split)) is not None:
                raise DatasetError(
                    f'{directory}: the build of {split} is unfinished; run its command '
                    'again'
                )
            return None
        offsets = read_offsets(layout.offsets_path(directory, split))
    except FileNotFoundError:
        raise DatasetError(
            f'{directory} has {split}.json but no {split}.offsets.npz (versions before '
            '0.2 wrote none); build it again'
        ) from None
    except OSError as error:
        raise DatasetError(f'{directory} cannot be read: {error_text(error)}') from error
    except ValueError as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(str(error)) from error
    if len(offsets.names) != manifest.build_id.shuffle.num_examples:
        raise DatasetError(
            f'{layout.offsets_path(directory, split)} is of {len(offsets.names)} '
            f'examples (expected {manifest.build_id.shuffle.num_examples} as in the '
            'manifest); run indexed-imagenet verify'
        )
    paths = [storage.join(directory, entry.name) for entry in manifest.shards]
    return Source(split, paths, offsets, manifest)
