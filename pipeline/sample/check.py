"""Compares built TFRecords with the sample, using plain TensorFlow.

Reads them as any user's reader would: with none of the code that wrote them.
"""

import pathlib
from typing import Any

import numpy as np

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import one_line
from indexed_imagenet.transforms.images.tf_codec import tensorflow

# The prefix of each split's arrays in the index file.
_PREFIXES = {'train': 'tr', 'validation': 'tt'}


def _check_split(
    directory: pathlib.Path, index: dict[str, np.ndarray], split: str, built: pathlib.Path
) -> int:
    tf = tensorflow()
    features = {
        'index': tf.io.FixedLenFeature([], tf.int64),
        'image/class/label': tf.io.FixedLenFeature([], tf.int64),
        'image/filename': tf.io.FixedLenFeature([], tf.string),
        'image/encoded': tf.io.FixedLenFeature([], tf.string),
        'image/height': tf.io.FixedLenFeature([], tf.int64),
        'image/width': tf.io.FixedLenFeature([], tf.int64),
    }
    names = index[f'{_PREFIXES[split]}_filenames']
    labels = index[f'{_PREFIXES[split]}_labels']
    paths = {path.name: path for path in (directory / split).rglob('*.JPEG')}
    shards = sorted(str(path) for path in built.glob(f'{split}-*-of-*'))
    seen = np.zeros(len(names), int)
    for record in tf.data.TFRecordDataset(shards):
        example = tf.io.parse_single_example(record, features)
        number = int(example['index'])
        name = example['image/filename'].numpy()
        encoded = example['image/encoded'].numpy()
        size = (int(example['image/height']), int(example['image/width']))
        if number >= len(names) or name != names[number]:
            raise UserError(
                f'{built}: {split} index {number} is {name!r}, which the sample does not '
                'have at that index; give the directory that was built from this sample',
                exit_status=1,
            )
        content = paths[name.decode()].read_bytes()
        pixels = tf.io.decode_image(content, channels=3, expand_animations=False)
        seen[number] += 1
        matches = {
            'label': int(example['image/class/label']) == labels[number] + 1,
            'size': size == tuple(pixels.shape[:2]),
            'image': encoded == content or _is_converted(tf, content, encoded),
        }
        for field, is_same in matches.items():
            if not is_same:
                raise UserError(
                    f'{built}: {split} index {number}: the {field} differs from the '
                    'sample',
                    exit_status=1,
                )
    not_once = np.flatnonzero(seen != 1)
    if len(not_once):
        number = not_once[0]
        raise UserError(
            f'{built}: {split} index {number} occurs {seen[number]} times (expected 1)',
            exit_status=1,
        )
    return len(names)


def _is_converted(tf: Any, content: bytes, encoded: bytes) -> bool:
    """Returns true if the record holds the image as the original builder converts it."""
    if tf.io.is_jpeg(content):
        pixels = tf.io.decode_jpeg(content, channels=0)
    else:
        pixels = tf.io.decode_png(content, channels=3)
    return encoded == bytes(tf.io.encode_jpeg(pixels, format='rgb', quality=100).numpy())


def check_sample(index_file: pathlib.Path, built: pathlib.Path) -> str:
    """Compares the TFRecords in ``built`` with the sample they were built from.

    Args:
      index_file: the index file of the sample, in the sample's directory.
      built: the directory of the shards.

    Returns:
      A line that reports what was compared.

    Raises:
      UserError: the sample or the directory is missing (exit status 2), or a record
        is missing, duplicated, damaged or different (1).
    """
    if not index_file.exists():
        raise UserError(f'--directory {index_file.parent} holds no sample; make it first')
    if not built.is_dir():
        raise UserError(f'--check {built}: no such directory; build the sample first')
    tf = tensorflow()
    with np.load(index_file) as file:
        index = dict(file)
    counts = {}
    for split in _PREFIXES:
        try:
            counts[split] = _check_split(index_file.parent, index, split, built)
        except tf.errors.OpError as error:
            reason = one_line(error.message)
            raise UserError(f'{built}: {split}: {reason}', exit_status=1) from error
    examples = ' and '.join(f'{count:,} {split}' for split, count in counts.items())
    return (
        f'{built} read back with plain TensorFlow: {examples} examples, each index once; '
        'names, labels, sizes and images match the sample'
    )
