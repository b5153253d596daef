"""A map-style data set for PyTorch, in the shape of torchvision's ``ImageNet``.

A ``DataLoader`` needs ``__len__``, ``__getitem__`` and ``__getitems__``; PyTorch is
imported only to make tensors of preprocessed images. Facts:
``torch/utils/data/_utils/fetch.py`` and ``torchvision/datasets/imagenet.py``.
"""

import functools
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from indexed_imagenet.readers.example import Example
from indexed_imagenet.readers.paper import evaluation_array

if TYPE_CHECKING:
    from indexed_imagenet.readers.examples import Examples

PARTS = ('image', 'index', 'filename', 'label')


def open_pil(image: bytes) -> Any:
    """Opens a JPEG as a PIL image in RGB, as torchvision's loader does (no rotation)."""
    from PIL import Image

    with Image.open(io.BytesIO(image)) as opened:
        return opened.convert('RGB')


class TorchDataset:
    """Samples by position, with the label last.

    Attributes:
      indices: the published index at each position, int64.
      classes: for each label, its words as a tuple.
      wnids: for each label, its synset.
      transform, target_transform: as given; may be set.
    """

    def __init__(
        self,
        examples: 'Examples',
        transform: Callable[[Any], Any] | None,
        target_transform: Callable[[Any], Any] | None,
        returns: Sequence[str],
        decode: bool,
        preprocess: str | None = None,
    ):
        if preprocess not in (None, 'paper'):
            raise ValueError(f"preprocess is {preprocess!r} (expected None or 'paper')")
        if preprocess and not decode:
            raise ValueError(f'preprocess={preprocess!r} needs decode=True')
        if isinstance(returns, str):
            returns = (returns,)
        unknown = [part for part in returns if part not in PARTS]
        if unknown or not returns:
            raise ValueError(
                f'returns is {tuple(returns)!r} (expected some of {", ".join(PARTS)})'
            )
        dense = examples.dense_indices()
        self._examples = examples
        self._dense = dense
        self._returns = tuple(returns)
        self._decode = decode
        self._preprocess = preprocess
        self._targets: Any = None
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self._examples)

    def __repr__(self) -> str:
        return f'TorchDataset({self._examples!r}, returns={self._returns})'

    def __getitem__(self, position: Any) -> Any:
        return self._sample(self._examples[position], position)

    def __getitems__(self, positions: Sequence[Any]) -> list[Any]:
        """Returns the samples of a batch; a ``DataLoader`` fetches by it."""
        examples = self._examples[list(map(int, positions))]
        return [
            self._sample(example, position)
            for example, position in zip(examples, positions, strict=True)
        ]

    def _sample(self, example: Example, position: Any) -> Any:
        sample = tuple(self._part(part, example, position) for part in self._returns)
        return sample if len(sample) > 1 else sample[0]

    def _part(self, part: str, example: Example, position: Any) -> Any:
        if part == 'image':
            image = self._image(example)
            return self.transform(image) if self.transform else image
        if part == 'label':
            targets = self._targets
            label = example.label if targets is None else int(targets[int(position)])
            return self.target_transform(label) if self.target_transform else label
        return example.index if part == 'index' else example.filename

    def _image(self, example: Example) -> Any:
        if self._preprocess:
            import torch

            array = evaluation_array(example.decode())
            return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
        return open_pil(example.image) if self._decode else example.image

    @property
    def indices(self) -> np.ndarray:
        """The published index at each position, int64."""
        return self._examples.indices

    @functools.cached_property
    def classes(self) -> list[tuple[str, ...]]:
        """The words of each label, as torchvision's ``ImageNet`` has them."""
        found = self._examples.dataset.classes
        return [tuple(image_class.text.split(', ')) for image_class in found]

    @functools.cached_property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each word; where words repeat, the last label with it."""
        return {word: label for label, words in enumerate(self.classes) for word in words}

    @functools.cached_property
    def wnids(self) -> list[str]:
        """The synset of each label."""
        return [image_class.synset for image_class in self._examples.dataset.classes]

    @functools.cached_property
    def wnid_to_idx(self) -> dict[str, int]:
        """The label of each synset."""
        return {synset: label for label, synset in enumerate(self.wnids)}

    @property
    def targets(self) -> Any:
        """The label at each position, an int64 array; what is set is returned instead."""
        if self._targets is not None:
            return self._targets
        return self._examples.dataset.labels[self.indices]

    @targets.setter
    def targets(self, targets: Any) -> None:
        if len(targets) != len(self):
            raise ValueError(f'{len(targets)} targets (expected {len(self)})')
        self._targets = targets

    @property
    def samples(self) -> list[tuple[str, int]]:
        """File name and label at each position, made anew each time it is asked for."""
        names = self._examples.dataset.filenames[self.indices].tolist()
        return list(zip(names, np.asarray(self.targets).tolist(), strict=True))

    imgs = samples
