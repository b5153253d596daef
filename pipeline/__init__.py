"""Indexed ImageNet: TFRecords in which every image carries its published index.

What is imported from here is public. Names are resolved when they are first used:
importing the package loads neither Beam nor TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexed_imagenet.errors import CorruptRecordError as CorruptRecordError
    from indexed_imagenet.errors import DatasetError as DatasetError
    from indexed_imagenet.errors import JoinError as JoinError
    from indexed_imagenet.errors import MissingExampleError as MissingExampleError
    from indexed_imagenet.errors import UserError as UserError
    from indexed_imagenet.readers.dataset import IndexedDataset as IndexedDataset
    from indexed_imagenet.readers.example import Example as Example

__version__ = '0.2.0'

# Where each public name is defined.
_PUBLIC = {
    'CorruptRecordError': 'indexed_imagenet.errors',
    'DatasetError': 'indexed_imagenet.errors',
    'Example': 'indexed_imagenet.readers.example',
    'IndexedDataset': 'indexed_imagenet.readers.dataset',
    'JoinError': 'indexed_imagenet.errors',
    'MissingExampleError': 'indexed_imagenet.errors',
    'UserError': 'indexed_imagenet.errors',
}

__all__ = [
    'CorruptRecordError',
    'DatasetError',
    'Example',
    'IndexedDataset',
    'JoinError',
    'MissingExampleError',
    'UserError',
    '__version__',
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
