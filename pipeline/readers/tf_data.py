"""``tf.data`` pipelines: the whole split by TensorFlow's reader, a subset by ours.

Only TensorFlow's own ``TFRecordDataset`` is as fast as itself, so a whole split goes
through it. A subset reads only what it contains, in batches sorted by place.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from indexed_imagenet.readers import paper

if TYPE_CHECKING:
    from indexed_imagenet.readers.examples import Examples

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


@dataclasses.dataclass(frozen=True, slots=True)
class TfOptions:
    """How elements are made; see ``Examples.as_tf_dataset``."""

    shuffle_seed: int | None = None
    decode: bool = True
    num_parallel_reads: int | None = None
    preprocess: str | None = None
    augmentation: bool = False
    augmentation_seed: int = 0
    batch_size: int | None = None
    image_buffer: bool = False
    filename: bool = True

    def __post_init__(self) -> None:
        if self.preprocess not in (None, 'paper'):
            raise ValueError(
                f"preprocess is {self.preprocess!r} (expected None or 'paper')"
            )
        if self.preprocess and not self.decode:
            raise ValueError(f'preprocess={self.preprocess!r} needs decode=True')
        if self.augmentation and self.preprocess is None:
            raise ValueError("augmentation needs preprocess='paper'")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f'batch_size is {self.batch_size} (expected at least 1)')


def make_tf_dataset(examples: 'Examples', options: TfOptions) -> Any:
    """Makes the data set that ``Examples.as_tf_dataset`` documents."""
    import tensorflow as tf

    if is_whole_split(examples) and options.shuffle_seed is None:
        records = _all_records(tf, examples, options.num_parallel_reads)
    else:
        indices = examples.indices
        if options.shuffle_seed is None:
            indices = _in_order_of_place(examples, indices)
        else:
            indices = np.random.RandomState(options.shuffle_seed).permutation(indices)
        records = _chosen_records(tf, examples, indices)
    if options.augmentation:
        seeds = tf.data.Dataset.random(
            options.augmentation_seed, rerandomize_each_iteration=True
        ).batch(2)
        records = tf.data.Dataset.zip((records, seeds))

    def make_element(record: Any, seed: Any = None) -> dict[str, Any]:
        example = _parse(tf, record)
        encoded = example['image']
        if options.augmentation:
            pixels = tf.io.decode_jpeg(encoded, channels=3)
            example['image'] = paper.augmented_tensor(tf, pixels, seed)
        elif options.preprocess:
            example['image'] = paper.evaluation_tensor(tf, encoded)
        elif options.decode:
            example['image'] = tf.io.decode_jpeg(encoded, channels=3)
        if options.image_buffer:
            example['image_buffer'] = encoded
        if not options.filename:
            del example['filename']
        return example

    data = records.map(
        make_element, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    if options.batch_size is not None:
        data = data.batch(options.batch_size)
    return data.prefetch(tf.data.AUTOTUNE)
