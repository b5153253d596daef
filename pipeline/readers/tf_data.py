"""``tf.data`` pipelines: the whole split by TensorFlow's reader, a subset by ours.

Only TensorFlow's own ``TFRecordDataset`` is as fast as itself, so a whole split goes
through it. A subset reads only what it contains, in batches sorted by place.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from indexed_imagenet.readers.dataset import Examples

# Records that one call to Python reads: with one by one, half the images per second.
_BATCH = 64


def _features(tf: Any) -> dict[str, Any]:
    return {
        'index': tf.io.FixedLenFeature([], tf.int64),
        'image/encoded': tf.io.FixedLenFeature([], tf.string),
        'image/class/label': tf.io.FixedLenFeature([], tf.int64),
        'image/filename': tf.io.FixedLenFeature([], tf.string),
    }


def _parse(tf: Any, record: Any) -> dict[str, Any]:
    example = tf.io.parse_single_example(record, _features(tf))
    return {
        'index': example['index'],
        'image': example['image/encoded'],
        'label': example['image/class/label'] - 1,
        'filename': example['image/filename'],
    }


def _all_records(tf: Any, examples: 'Examples', reads: int | None) -> Any:
    paths = list(examples.dataset._source.shard_paths)
    return tf.data.TFRecordDataset(paths, num_parallel_reads=reads or tf.data.AUTOTUNE)


def _chosen_records(tf: Any, examples: 'Examples', indices: np.ndarray) -> Any:
    dataset = examples.dataset

    def read(batch: np.ndarray) -> np.ndarray:
        places = [dataset._place(index) for index in batch.tolist()]
        return np.array(dataset._files.read_many(places), object)

    def read_batch(batch: Any) -> Any:
        records = tf.numpy_function(read, [batch], tf.string, stateful=False)
        records.set_shape([None])
        return records

    return (
        tf.data.Dataset.from_tensor_slices(indices)
        .batch(_BATCH)
        .map(read_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .unbatch()
    )


def _in_order_of_place(examples: 'Examples', indices: np.ndarray) -> np.ndarray:
    offsets = examples.dataset._source.offsets
    order = np.lexsort((offsets.offset[indices], offsets.shard[indices]))
    return indices[order]


def is_whole_split(examples: 'Examples') -> bool:
    """Returns whether a view is the whole data set, and not a subset of it."""
    return examples is examples.dataset


def make_tf_dataset(
    examples: 'Examples', shuffle_seed: int | None, decode: bool, reads: int | None
) -> Any:
    """Makes the data set that ``Examples.as_tf_dataset`` documents."""
    import tensorflow as tf

    if is_whole_split(examples) and shuffle_seed is None:
        records = _all_records(tf, examples, reads)
    else:
        indices = examples.indices
        if shuffle_seed is None:
            indices = _in_order_of_place(examples, indices)
        else:
            indices = np.random.RandomState(shuffle_seed).permutation(indices)
        records = _chosen_records(tf, examples, indices)

    def parse(record: Any) -> dict[str, Any]:
        example = _parse(tf, record)
        if decode:
            example['image'] = tf.io.decode_jpeg(example['image'], channels=3)
        return example

    return records.map(parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(
        tf.data.AUTOTUNE
    )
