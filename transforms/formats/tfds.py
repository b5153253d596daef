"""Metadata by which TensorFlow Datasets opens an output directory as it is.

Three files: ``features.json``, ``dataset_info.json`` and the names of the labels. TFDS'
own helper (``folder_dataset.write_metadata``) refuses shard names without an ending, so
the JSON is written here; its fields are those of TFDS' ``dataset_info.proto`` and
``feature.proto``, of which ``version`` and ``filepathTemplate`` are required.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from indexed_imagenet.transforms.formats.layout import (
    TFDS_FEATURES_FILE,
    TFDS_INFO_FILE,
    TFDS_LABELS_FILE,
)
from indexed_imagenet.transforms.formats.manifest import Manifest

NAME = 'indexed_imagenet'
VERSION = '1.0.0'

_FEATURES = 'tensorflow_datasets.core.features'


def _tensor(dtype: str) -> dict[str, Any]:
    return {
        'pythonClassName': f'{_FEATURES}.tensor_feature.Tensor',
        'tensor': {'shape': {}, 'dtype': dtype, 'encoding': 'none'},
    }


def _text() -> dict[str, Any]:
    return {'pythonClassName': f'{_FEATURES}.text_feature.Text', 'text': {}}


def features_json(num_classes: int) -> bytes:
    """Returns ``features.json``: the eleven features under their own keys.

    Args:
      num_classes: of the labels file, without the background.
    """
    features = {
        'image/channels': _tensor('int64'),
        'image/class/label': {
            'pythonClassName': f'{_FEATURES}.class_label_feature.ClassLabel',
            'classLabel': {'numClasses': str(num_classes + 1)},
        },
        'image/class/synset': _text(),
        'image/class/text': _text(),
        'image/colorspace': _text(),
        'image/encoded': {
            'pythonClassName': f'{_FEATURES}.image_feature.Image',
            'image': {
                'shape': {'dimensions': ['-1', '-1', '3']},
                'dtype': 'uint8',
                'encodingFormat': 'jpeg',
            },
        },
        'image/filename': _text(),
        'image/format': _text(),
        'image/height': _tensor('int64'),
        'image/width': _tensor('int64'),
        'index': _tensor('int64'),
    }
    return _to_json(
        {
            'pythonClassName': f'{_FEATURES}.features_dict.FeaturesDict',
            'featuresDict': {'features': features},
        }
    )


def info_json(manifests: Mapping[str, Manifest]) -> bytes:
    """Returns ``dataset_info.json``.

    Args:
      manifests: of the finished splits, by name.
    """
    splits = [
        {
            'name': split,
            'filepathTemplate': '{SPLIT}-{SHARD_X_OF_Y}',
            'shardLengths': [str(entry.records) for entry in manifest.shards],
            'numBytes': str(manifest.bytes),
        }
        for split, manifest in sorted(manifests.items())
    ]
    keys = ('image/encoded', 'image/class/label')
    return _to_json(
        {
            'name': NAME,
            'version': VERSION,
            'description': 'ImageNet in which every image carries its published index.',
            'fileFormat': 'tfrecord',
            'splits': splits,
            'supervisedKeys': {'tuple': {'items': [{'featureKey': key} for key in keys]}},
        }
    )


def labels_text(synsets: Sequence[str]) -> bytes:
    """Returns the names of the labels: ``background``, then the synsets.

    Not the words: two classes are called ``crane``.
    """
    return ''.join(f'{name}\n' for name in ('background', *synsets)).encode()


def metadata_files(
    manifests: Mapping[str, Manifest], synsets: Sequence[str]
) -> dict[str, bytes]:
    """Returns the content of each metadata file, by name.

    Args:
      manifests: of the finished splits, by name; at least one.
      synsets: of the labels, from 0.
    """
    return {
        TFDS_LABELS_FILE: labels_text(synsets),
        TFDS_FEATURES_FILE: features_json(len(synsets)),
        TFDS_INFO_FILE: info_json(manifests),
    }


def _to_json(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, indent=1, sort_keys=True) + '\n').encode()
