"""``IndexedDataset``: any example of a finished data set by its published index."""

import abc
import functools
import hashlib
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from indexed_imagenet.errors import DatasetError
from indexed_imagenet.labels.classes import ImageClass
from indexed_imagenet.readers.example import Example, parse_example
from indexed_imagenet.readers.shard_files import ShardFiles
from indexed_imagenet.readers.source import Source, open_source
from indexed_imagenet.transforms.formats.layout import SPLITS
from indexed_imagenet.transforms.formats.manifest import Manifest

if TYPE_CHECKING:
    from indexed_imagenet.readers.grain import GrainSource
    from indexed_imagenet.readers.torch import TorchDataset
    from indexed_imagenet.scores.join import Joined
    from indexed_imagenet.scores.orders import Order

_SUBSET_HINT = 'a boolean mask goes to ds.subset(mask)'


def _as_integers(key: Any, what: str) -> np.ndarray:
    """Returns a sequence of integers as int64.

    Raises:
      TypeError: it holds something else.
    """
    array = np.asarray(key)
    if array.dtype == bool:
        raise TypeError(f'{what} are booleans (expected integers); {_SUBSET_HINT}')
    if array.ndim != 1:
        raise TypeError(f'{what} have {array.ndim} dimensions (expected one)')
    if not array.size:
        return np.empty(0, np.int64)
    if array.dtype.kind == 'O' and all(hasattr(item, '__index__') for item in array):
        array = np.array([operator.index(item) for item in array])
    if array.dtype.kind not in 'iu':
        raise TypeError(f'{what} have dtype {array.dtype} (expected integers)')
    return array.astype(np.int64)


def _are_names(array: np.ndarray) -> bool:
    if array.dtype.kind == 'O':
        return all(isinstance(item, (str, bytes)) for item in array.flat)
    return array.dtype.kind in 'UST'


def _slice_range(key: slice, length: int) -> range:
    for name in ('start', 'stop'):
        bound = getattr(key, name)
        if bound is not None and operator.index(bound) < 0:
            raise IndexError(
                f'slice {name} is {bound} (expected at least 0: an index is a name, and '
                'negative numbers do not count from the end)'
            )
    return range(*key.indices(length))


class Examples(abc.ABC):
    """Examples at positions 0 to n − 1, each with its published index."""

    @property
    @abc.abstractmethod
    def dataset(self) -> 'IndexedDataset':
        """The whole data set."""

    @property
    @abc.abstractmethod
    def indices(self) -> np.ndarray:
        """The published indices of the examples, int64."""

    @abc.abstractmethod
    def dense_indices(self) -> np.ndarray | None:
        """Returns the index at each position; None if every position is its own index.

        Raises:
          MissingExampleError: some positions hold no example.
        """

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def __getitem__(self, key: Any) -> Any: ...

    def torch(
        self,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        returns: Sequence[str] = ('image', 'label'),
        decode: bool = True,
        preprocess: str | None = None,
    ) -> 'TorchDataset':
        """Returns a map-style data set for PyTorch, like torchvision's ``ImageNet``.

        Args:
          transform: takes the PIL image (or the bytes) and returns what is used.
          target_transform: takes the label, 0 to 999.
          returns: the parts of each sample, of ``image``, ``index``, ``filename`` and
            ``label``; a single one is returned without a tuple.
          decode: whether images are PIL images or the JPEG's bytes.
          preprocess: ``'paper'`` for the evaluation preprocessing of Feldman and Zhang:
            images are float32 tensors, shape [3, 224, 224].

        Raises:
          MissingExampleError: the data set is incomplete; use
            ``ds.subset(ds.indices).torch()``.
        """
        from indexed_imagenet.readers.torch import TorchDataset

        return TorchDataset(
            self, transform, target_transform, returns, decode, preprocess
        )

    def grain(self, decode: bool = True) -> 'GrainSource':
        """Returns a ``RandomAccessDataSource`` for Grain.

        Args:
          decode: whether images are arrays, uint8 of shape [height, width, 3], or the
            JPEG's bytes. Grain pads a batch of bytes to the longest and cuts trailing
            zeros, so decode before ``batch``.

        Raises:
          MissingExampleError: the data set is incomplete; use
            ``ds.subset(ds.indices).grain()``.
        """
        from indexed_imagenet.readers.grain import GrainSource

        return GrainSource(self, decode)

    def as_tf_dataset(
        self,
        indices: Any = None,
        shuffle_seed: int | None = None,
        decode: bool = True,
        *,
        num_parallel_reads: int | None = None,
        preprocess: str | None = None,
        augmentation: bool = False,
        augmentation_seed: int = 0,
        batch_size: int | None = None,
        image_buffer: bool = False,
        filename: bool = True,
        subset_index: Any = None,
    ) -> Any:
        """Returns a ``tf.data.Dataset`` of ``index``, ``image``, ``label``, ``filename``.

        Args:
          indices: published indices or a boolean mask over the index; None for all
            examples that are present. Only what is chosen is read.
          shuffle_seed: shuffle by this seed; None for the order of the shards.
          decode: whether images are uint8 tensors [height, width, 3] or the JPEG's
            bytes.
          num_parallel_reads: shards read at once for a whole split; None lets
            TensorFlow choose. With more than one, the order is not that of the shards.
          preprocess: ``'paper'`` for the preprocessing of Feldman and Zhang (see
            ``readers/paper.py``): images are float32 [224, 224, 3].
          augmentation: preprocess for training instead of evaluation.
          augmentation_seed: with the same seed, two runs give the same crops; each pass
            over the data gives others.
          batch_size: elements are batches of so many; None for single examples.
          image_buffer: add ``image_buffer``, the JPEG's bytes.
          filename: add ``filename``.
          subset_index: another name of ``indices``, that of the authors' own loader.

        Raises:
          ValueError: an option does not fit another.
          IndexError, MissingExampleError: as ``subset``.
        """
        from indexed_imagenet.readers.tf_data import TfOptions, make_tf_dataset

        if indices is not None and subset_index is not None:
            raise ValueError('indices and subset_index are the same thing; give one')
        chosen = subset_index if indices is None else indices
        examples = self if chosen is None else self.subset(chosen)
        options = TfOptions(
            shuffle_seed,
            decode,
            num_parallel_reads,
            preprocess,
            augmentation,
            augmentation_seed,
            batch_size,
            image_buffer,
            filename,
        )
        return make_tf_dataset(examples, options)

    def subset(self, chosen: Any) -> 'Subset':
        """Returns a dense view of some examples: positions 0 … n−1 for samplers.

        Args:
          chosen: a boolean mask (over the index; of a subset, over its positions),
            published indices (order and repetitions are kept), or file names.

        Raises:
          IndexError: an index is outside the index file.
          MissingExampleError: an example is not present, or not in this subset.
          KeyError: a file name is not in the index.
        """
        array = np.asarray(chosen)
        if array.dtype == bool:
            indices = self._indices_of_mask(array)
        elif array.size and _are_names(array):
            indices = self.dataset._source.find(array.tolist())
        else:
            indices = _as_integers(array, 'indices')
        self._check_chosen(indices)
        return Subset(self.dataset, indices)

    @abc.abstractmethod
    def _indices_of_mask(self, mask: np.ndarray) -> np.ndarray: ...

    @abc.abstractmethod
    def _check_chosen(self, indices: np.ndarray) -> None: ...

    def _read(self, indices: np.ndarray) -> list[Example]:
        return self.dataset._read_many(indices)


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
            return self._read_many(np.array(_slice_range(key, len(self)), np.int64))
        if isinstance(key, bool | np.bool_):
            raise TypeError(f'the index is a boolean; {_SUBSET_HINT}')
        if not getattr(key, 'ndim', 0) and hasattr(key, '__index__'):
            return self._read_one(operator.index(key))
        return self._read_many(_as_integers(key, 'indices'))

    def __getitems__(self, indices: Any) -> list[Example]:
        """Returns the examples of several indices; PyTorch fetches batches by it."""
        return self._read_many(_as_integers(indices, 'indices'))

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


class Subset(Examples):
    """Some examples of a data set, in a given order: positions 0 … n−1.

    Attributes:
      indices: the published index at each position, int64.
    """

    def __init__(self, dataset: IndexedDataset, indices: np.ndarray):
        self._dataset = dataset
        self._indices = indices

    def __repr__(self) -> str:
        digest = hashlib.sha256(self._indices.astype('<i8').tobytes()).hexdigest()
        return f'Subset({len(self)} examples {digest[:16]} of {self._dataset!r})'

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[Example]:
        for index in self._indices.tolist():
            yield self._dataset._read_one(index)

    @overload
    def __getitem__(self, key: int) -> Example: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        """Returns the example at a position, or a list of examples.

        Args:
          key: a position, with ``__index__``; or a slice, a list or an integer array.

        Raises:
          IndexError: a position is negative, or outside the subset.
          CorruptRecordError: a record is damaged.
        """
        if isinstance(key, slice):
            return self.__getitems__(np.array(_slice_range(key, len(self)), np.int64))
        if isinstance(key, bool | np.bool_):
            raise TypeError(f'the position is a boolean; {_SUBSET_HINT}')
        if not getattr(key, 'ndim', 0) and hasattr(key, '__index__'):
            [index] = self._at(np.array([operator.index(key)]))
            return self._dataset._read_one(int(index))
        return self.__getitems__(key)

    def __getitems__(self, positions: Any) -> list[Example]:
        """Returns the examples at several positions; PyTorch fetches batches by it."""
        return self._read(self._at(_as_integers(positions, 'positions')))

    _getitems = __getitems__  # Grain's name for it

    def _at(self, positions: np.ndarray) -> np.ndarray:
        outside = (positions < 0) | (positions >= len(self))
        if outside.any():
            raise IndexError(
                f'position {int(positions[outside][0])} is outside the subset (expected '
                f'0 to {len(self) - 1:,})'
            )
        at: np.ndarray = self._indices[positions]
        return at

    @property
    def dataset(self) -> IndexedDataset:
        return self._dataset

    @property
    def indices(self) -> np.ndarray:
        return self._indices

    @property
    def labels(self) -> np.ndarray:
        """The label at each position, int64."""
        labels: np.ndarray = self._dataset.labels[self._indices]
        return labels

    @property
    def filenames(self) -> np.ndarray:
        """The file name at each position, dtype U."""
        filenames: np.ndarray = self._dataset.filenames[self._indices]
        return filenames

    @property
    def synsets(self) -> np.ndarray:
        """The synset at each position, dtype U."""
        synsets: np.ndarray = self._dataset.synsets[self._indices]
        return synsets

    def dense_indices(self) -> np.ndarray:
        return self._indices

    def _indices_of_mask(self, mask: np.ndarray) -> np.ndarray:
        if mask.shape != (len(self),):
            raise IndexError(f'the mask has shape {mask.shape} (expected ({len(self)},))')
        chosen: np.ndarray = self._indices[mask]
        return chosen

    def _check_chosen(self, indices: np.ndarray) -> None:
        self._dataset._source.check_present(indices)
        absent = ~np.isin(indices, self._indices)
        if absent.any():
            raise self._dataset._source.missing(int(indices[absent][0]))
