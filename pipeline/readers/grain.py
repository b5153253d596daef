"""A ``RandomAccessDataSource`` for Grain: ``__len__``, ``__getitem__``, ``_getitems``.

Grain itself is not imported. Its ``MapDataset`` takes positions modulo the length
before it asks, so every position must hold an example.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from indexed_imagenet.readers.example import Example

if TYPE_CHECKING:
    from indexed_imagenet.readers.examples import Examples


class GrainSource:
    """Dicts of ``image``, ``label``, ``index`` by position."""

    def __init__(self, examples: 'Examples', decode: bool):
        examples.dense_indices()
        self._examples = examples
        self._decode = decode

    def __len__(self) -> int:
        return len(self._examples)

    def __repr__(self) -> str:
        # Grain stores this in checkpoints, and compares it when it restores one.
        return f'GrainSource({self._examples!r}, decode={self._decode})'

    def __getitem__(self, position: Any) -> dict[str, Any]:
        return self._features(self._examples[position])

    def _getitems(self, positions: Sequence[Any]) -> list[dict[str, Any]]:
        """Returns several at once; Grain reads batches by it."""
        return [self._features(example) for example in self._examples[list(positions)]]

    def _features(self, example: Example) -> dict[str, Any]:
        image = example.decode() if self._decode else example.image
        return {'image': image, 'label': example.label, 'index': example.index}
