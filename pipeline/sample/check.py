"""Reads built TFRecords with plain TensorFlow and compares them with the sample.

Nothing of what wrote them is used to read them: this sees what a user's reader
would see.
"""

import pathlib

import numpy as np

from indexed_imagenet.errors import UserError
from indexed_imagenet.transforms.images.tf_codec import tensorflow

_PARTS = {'train': 'tr', 'validation': 'tt'}


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
    names = index[f'{_PARTS[split]}_filenames']
    labels = index[f'{_PARTS[split]}_labels']
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
                f'{built}: {split} index {number} is {name!r}, which is not in the '
                'sample under that index',
                exit_status=1,
            )
        content = paths[name.decode()].read_bytes()
        picture = tf.io.decode_image(content, channels=3, expand_animations=False)
        seen[number] += 1
        right = {
            'label': int(example['image/class/label']) == labels[number] + 1,
            'size': size == tuple(picture.shape[:2]),
            'image': encoded == content or _is_converted(tf, content, encoded),
        }
        for what, is_right in right.items():
            if not is_right:
                raise UserError(
                    f'{built}: {split} index {number}: wrong {what}', exit_status=1
                )
    wrong = np.flatnonzero(seen != 1)
    if len(wrong):
        raise UserError(
            f'{built}: {split} index {wrong[0]} is there {seen[wrong[0]]} times, '
            'expected once',
            exit_status=1,
        )
    return len(names)


def _is_converted(tf, content: bytes, encoded: bytes) -> bool:
    """Whether the record holds the file's picture as the original builder converts it."""
    if tf.io.is_jpeg(content):
        pixels = tf.io.decode_jpeg(content, channels=0)
    else:
        pixels = tf.io.decode_png(content, channels=3)
    return encoded == tf.io.encode_jpeg(pixels, format='rgb', quality=100).numpy()


def check_sample(index_file: pathlib.Path, built: pathlib.Path) -> str:
    """Compares the TFRecords in ``built`` with the sample they were built from.

    Args:
      index_file: the sample's, with the images beside it.
      built: the directory of the shards.

    Returns:
      A line that says what was compared.

    Raises:
      UserError: there is no sample or no such directory (exit status 2), or a
        record is missing, twice, damaged or different (1).
    """
    if not index_file.exists():
        raise UserError(f'--directory {index_file.parent} holds no sample; make it first')
    if not built.is_dir():
        raise UserError(f'--check {built}: no such directory')
    tf = tensorflow()
    with np.load(index_file) as file:
        index = dict(file)
    counts = {}
    for split in _PARTS:
        try:
            counts[split] = _check_split(index_file.parent, index, split, built)
        except tf.errors.OpError as error:
            reason = ' '.join(error.message.split())
            raise UserError(f'{built}: {split}: {reason}', exit_status=1) from error
    told = ' and '.join(f'{count:,} {split}' for split, count in counts.items())
    return (
        f'{built} read back with plain TensorFlow: {told} examples, each index once, '
        'names, labels, sizes and images as in the sample'
    )
