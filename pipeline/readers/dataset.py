"""``IndexedDataset``: any example of a finished data set by its published index."""

import functools
import operator
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from indexed_imagenet.errors import DatasetError
from indexed_imagenet.labels.classes import ImageClass
from indexed_imagenet.readers.example import Example, parse_example
from indexed_imagenet.readers.examples import Examples
from indexed_imagenet.readers.keys import SUBSET_HINT, as_integers, slice_range
from indexed_imagenet.readers.shard_files import ShardFiles
from indexed_imagenet.readers.source import Source, open_source
from indexed_imagenet.transforms.formats.layout import SPLITS
from indexed_imagenet.transforms.formats.manifest import Manifest

if TYPE_CHECKING:
    from indexed_imagenet.scores.join import Joined
    from indexed_imagenet.scores.orders import Order


class IndexedDataset(Examples):
    """A finished split: ``ds[950353]`` is the example of that published index.

    Reads only what is asked for. Pickles as its arguments, so that workers of data
    loaders open it themselves; works under fork, spawn and forkserver, and from threads.

    Attributes:
      directory: where the shards are, a path or a URL.
      split: ``train`` or ``validation``.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        split: str = 'train',
        *,
        verify: bool = False,
        imagenet_index: str | os.PathLike[str] | None = None,
        scan: bool | None = None,
    ):
        """Opens a split.

        Args:
          directory: the output directory of a build; also what the authors' own
            builder made (TFRecords without a manifest).
          split: ``train`` or ``validation``.
          verify: check the checksum of each record that is read.
          imagenet_index: the index file, for a data set without a manifest: it gives
            the length of the index, and names and labels of absent examples.
          scan: whether a data set without a manifest is read once to find its records;
            by default only if it is local.

        Raises:
          DatasetError: there is no such data set, or it is unfinished or damaged.
        """
        if split not in SPLITS:
            raise DatasetError(f'split is {split!r} (expected {" or ".join(SPLITS)})')
        self.directory = os.fspath(directory)
        self.split = split
        self._verify = verify
        self._imagenet_index = (
            None if imagenet_index is None else os.fspath(imagenet_index)
        )
        self._scan = scan
        self._source  # noqa: B018  # opens it now, so that errors come now

    def __getstate__(self) -> dict[str, Any]:
        kept = ('directory', 'split', '_verify', '_imagenet_index', '_scan')
        return {name: self.__dict__[name] for name in kept}

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_unopened, (type(self), self.__getstate__())

    @functools.cached_property
    def _source(self) -> Source:
        source = open_source(self.directory, self.split)
        if source is None:
            from indexed_imagenet.readers.scan import open_scanned

            source = open_scanned(
                self.directory, self.split, self._imagenet_index, self._scan
            )
        return source

    @functools.cached_property
    def _files(self) -> ShardFiles:
        return ShardFiles(self._source.shard_paths, self._verify)

    def __repr__(self) -> str:
        # Not the path: Grain compares this between a checkpoint and its restoration.
        return (
            f'IndexedDataset({self.split}, {len(self.indices):,} of {len(self):,} '
            f'examples, fingerprint {self.fingerprint or "unknown"})'
        )

    def __len__(self) -> int:
        return self._source.num_examples

    def __contains__(self, index: object) -> bool:
        if not hasattr(index, '__index__'):
            return False
        number = operator.index(index)
        source = self._source
        return 0 <= number < source.num_examples and source.offsets.shard[number] >= 0

    def __iter__(self) -> Iterator[Example]:
        """Yields the examples that are present, in the order of their indices."""
        for index in self.indices.tolist():
            yield self._read_one(index)

    @overload
    def __getitem__(self, key: int) -> Example: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        """Returns the example of an index, or a list of examples.

        Args:
          key: anything with ``__index__`` (numpy integers, 0-d tensors); or a slice, a
            list or an integer array.

        Raises:
          IndexError: an index is negative, or outside the index file.
          MissingExampleError: an example is not present.
          CorruptRecordError: a record is damaged.
        """
        if isinstance(key, slice):
            return self._read_many(np.array(slice_range(key, len(self)), np.int64))
        if isinstance(key, bool | np.bool_):
            raise TypeError(f'the index is a boolean; {SUBSET_HINT}')
        if not getattr(key, 'ndim', 0) and hasattr(key, '__index__'):
            return self._read_one(operator.index(key))
        return self._read_many(as_integers(key, 'indices'))

    def __getitems__(self, indices: Any) -> list[Example]:
        """Returns the examples of several indices; PyTorch fetches batches by it."""
        return self._read_many(as_integers(indices, 'indices'))

    _getitems = __getitems__  # Grain's name for it

    def _place(self, index: int) -> tuple[int, int, int, int]:
        source = self._source
        if not 0 <= index < source.num_examples:
            raise source.outside(index)
        offsets = source.offsets
        shard = int(offsets.shard[index])
        if shard < 0:
            raise source.missing(index)
        return shard, int(offsets.offset[index]), int(offsets.length[index]), index

    def _read_one(self, index: int) -> Example:
        place = self._place(index)
        return self._parse(self._files.read(*place), place)

    def _read_many(self, indices: np.ndarray) -> list[Example]:
        places = [self._place(index) for index in indices.tolist()]
        payloads = self._files.read_many(places)
        return [self._parse(*pair) for pair in zip(payloads, places, strict=True)]

    def _parse(self, payload: bytes, place: tuple[int, int, int, int]) -> Example:
        shard, offset, _, index = place
        try:
            example = parse_example(payload)
        except ValueError as error:
            raise self._files.error(shard, offset, index, error) from error
        if example.index != index:
            what = f'its index is {example.index}'
            raise self._files.error(shard, offset, index, what)
        return example

    @property
    def dataset(self) -> 'IndexedDataset':
        return self

    @property
    def indices(self) -> np.ndarray:
        """The indices of the examples that are present, int64, ascending."""
        return self._source.indices

    @property
    def labels(self) -> np.ndarray:
        """The label of each index, int64, 0 to 999, shape [len(ds)]."""
        return self._source.labels

    @property
    def filenames(self) -> np.ndarray:
        """The file name of each index, dtype U, shape [len(ds)]."""
        return self._source.filenames

    def filename(self, index: int) -> str:
        """Returns the file name of an index, without making the array of all names.

        Raises:
          IndexError: the index is outside the index file.
        """
        if not 0 <= index < len(self):
            raise self._source.outside(index)
        name: bytes = self._source.offsets.names[index]
        return name.decode('utf-8', 'backslashreplace')

    @functools.cached_property
    def classes(self) -> tuple[ImageClass, ...]:
        """The synset and text of each label, by label."""
        from indexed_imagenet.labels.classes import packaged_classes

        manifest = self.manifest
        packaged = packaged_classes()
        if manifest and manifest.build_id.classes == packaged.digest:
            return packaged.classes
        return self._classes_of_records()

    def _classes_of_records(self) -> tuple[ImageClass, ...]:
        """Reads one record per class: the build used label files of its own."""
        present = self.indices
        labels, first = np.unique(self.labels[present], return_index=True)
        count = int(self.labels.max()) + 1
        classes = [ImageClass(f'label {label}', '') for label in range(count)]
        for label, example in zip(
            labels.tolist(), self._read_many(present[first]), strict=True
        ):
            classes[label] = ImageClass(example.synset, example.text)
        return tuple(classes)

    @functools.cached_property
    def synsets(self) -> np.ndarray:
        """The synset of each index, dtype U, shape [len(ds)]."""
        by_label = np.array([image_class.synset for image_class in self.classes])
        synsets: np.ndarray = by_label[self.labels]
        return synsets

    @property
    def manifest(self) -> Manifest | None:
        """The manifest; None for a data set that another tool made."""
        return self._source.manifest

    @property
    def fingerprint(self) -> str | None:
        """What two people compare to know that they have the same data set."""
        manifest = self._source.manifest
        return manifest.fingerprint if manifest else None

    @property
    def record_bytes(self) -> np.ndarray:
        """The length of the record of each example in ``indices``, bytes, int64."""
        lengths: np.ndarray = self._source.offsets.length[self.indices].astype(np.int64)
        return lengths

    @property
    def converted(self) -> np.ndarray:
        """The indices of examples whose image was converted, int64, ascending."""
        entries = self.manifest.converted if self.manifest else ()
        return np.array([entry.index for entry in entries], np.int64)

    def find(self, name: str | bytes) -> int:
        """Returns the index of a file name; folders before it are ignored.

        Raises:
          KeyError: the index has no such name.
        """
        [index] = self._source.find([name])
        return int(index)

    def dense_indices(self) -> None:
        if len(self.indices) != len(self):
            first = int(np.flatnonzero(self._source.offsets.shard < 0)[0])
            error = self._source.missing(first)
            raise type(error)(
                f'{error}; positions need every example: use ds.subset(ds.indices)'
            )

    def _indices_of_mask(self, mask: np.ndarray) -> np.ndarray:
        if mask.shape != (len(self),):
            raise IndexError(f'the mask has shape {mask.shape} (expected ({len(self)},))')
        return np.flatnonzero(mask)

    def _check_chosen(self, indices: np.ndarray) -> None:
        self._source.check_present(indices)

    def join(
        self,
        table: Any,
        value: str | Sequence[str] | None = None,
        on: str | None = None,
        order: str | None = None,
        partial: bool = False,
        many: bool = False,
    ) -> 'Joined':
        """Joins a published table with the index; see ``scores.join.join``.

        Raises:
          JoinError: the table does not fit; the message says why.
        """
        from indexed_imagenet.scores.join import join

        return join(self, table, value, on, order, partial, many)

    def order(self, name: str) -> 'Order':
        """Returns an order in which others count examples, as a permutation, both ways.

        Args:
          name: ``published``, ``torchvision``, ``timm``, ``filename`` or ``shards``.

        Raises:
          ValueError: there is no such order.
        """
        from indexed_imagenet.scores.orders import make_order

        return make_order(self, name)

    def save_scores(
        self, path: str | os.PathLike[str], *, higher_is: str | None = None, **scores: Any
    ) -> None:
        """Writes scores with index, names and labels, so that others can join them.

        Args:
          path: ends in ``.npz``, ``.csv`` or ``.parquet``.
          higher_is: what a higher score means, for example ``'harder'``.
          scores: arrays by name, aligned to the index.

        Raises:
          JoinError: a length does not fit, or a name is taken.
          OSError: the file cannot be written.
        """
        from indexed_imagenet.scores.save import save_scores

        save_scores(self, path, scores, higher_is)


def _make_unopened(cls: type, state: dict[str, Any]) -> IndexedDataset:
    dataset: IndexedDataset = object.__new__(cls)
    dataset.__dict__.update(state)
    return dataset
