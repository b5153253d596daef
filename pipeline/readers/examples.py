"""What a whole data set and its subsets have in common."""

import abc
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from indexed_imagenet.readers.example import Example
from indexed_imagenet.readers.keys import are_names, as_integers

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import IndexedDataset
    from indexed_imagenet.readers.grain import GrainSource
    from indexed_imagenet.readers.subset import Subset
    from indexed_imagenet.readers.torch import TorchDataset


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
        from indexed_imagenet.readers.subset import Subset

        array = np.asarray(chosen)
        if array.dtype == bool:
            indices = self._indices_of_mask(array)
        elif array.size and are_names(array):
            indices = self.dataset._source.find(array.tolist())
        else:
            indices = as_integers(array, 'indices')
        self._check_chosen(indices)
        return Subset(self.dataset, indices)

    @abc.abstractmethod
    def _indices_of_mask(self, mask: np.ndarray) -> np.ndarray: ...

    @abc.abstractmethod
    def _check_chosen(self, indices: np.ndarray) -> None: ...

    def _read(self, indices: np.ndarray) -> list[Example]:
        return self.dataset._read_many(indices)
