"""Every path name of an output directory, and nowhere else.

    train-00000-of-01024 …     the shards
    train.json                 the manifest; comes last
    train.offsets.npz          where each example is, its label and its name
    train.scores.npz           memorization values, if the index file has them
    dataset_info.json, features.json, image.class.label.labels.txt
                               for TensorFlow Datasets
    missing-train.csv          index and name of images that were not found
    rejected-train.csv         index, path and reason of images that cannot be used
    warnings-train.csv         index, path and warning of images that a decoder repairs
    .build/                    the staging folder; removed when a build is complete
      *.tmp                    unfinished files
      lock.json                the lock, where the file system has none
      input_report.json        what was found wrong with the input
      train/identity.json      the build that the following belong to
      train/train-00000-of-01024.json   one per finished shard
      train/summary.json       counts, for the table at the end

and the same for ``validation``.
"""

import re

from indexed_imagenet.transforms import storage

SPLITS = ('train', 'validation')

# Metadata of TensorFlow Datasets, under the names that it asks for: that of the labels
# is the key of their feature, with dots for slashes.
TFDS_INFO_FILE = 'dataset_info.json'
TFDS_FEATURES_FILE = 'features.json'
TFDS_LABELS_FILE = 'image.class.label.labels.txt'

_STAGING = '.build'


def shard_path(file_path_prefix: str, shard: int, num_shards: int) -> str:
    """Returns the final name of a shard, for example ``train-00000-of-01024``."""
    return f'{file_path_prefix}-{shard:05d}-of-{num_shards:05d}'


def shard_names(split: str, num_shards: int) -> list[str]:
    """Returns the names of all shard files of a split."""
    return [shard_path(split, shard, num_shards) for shard in range(num_shards)]


def is_shard_of(name: str, split: str) -> bool:
    """Returns whether a file's name is that of a shard of a split, of any number."""
    return re.fullmatch(rf'{re.escape(split)}-\d{{5,}}-of-\d{{5,}}', name) is not None


def manifest_path(output_directory: str, split: str) -> str:
    """Returns the path of a split's manifest."""
    return storage.join(output_directory, f'{split}.json')


def offsets_path(output_directory: str, split: str) -> str:
    """Returns the path of a split's offsets."""
    return storage.join(output_directory, f'{split}.offsets.npz')


def offsets_path_before_0_2(output_directory: str, split: str) -> str:
    """Returns where versions before 0.2 kept the offsets, without labels and names."""
    return storage.join(output_directory, f'{split}.index.npz')


def scores_path(output_directory: str, split: str) -> str:
    """Returns the path of the scores that came with the index."""
    return storage.join(output_directory, f'{split}.scores.npz')


def missing_path(output_directory: str, split: str) -> str:
    """Returns the path of the list of images that were not found."""
    return storage.join(output_directory, f'missing-{split}.csv')


def rejected_path(output_directory: str, split: str) -> str:
    """Returns the path of the list of images that cannot be used."""
    return storage.join(output_directory, f'rejected-{split}.csv')


def warnings_path(output_directory: str, split: str) -> str:
    """Returns the path of the list of images that a decoder warns about."""
    return storage.join(output_directory, f'warnings-{split}.csv')


def staging_dir(output_directory: str) -> str:
    """Returns the staging folder: everything in it belongs to an unfinished build."""
    return storage.join(output_directory, _STAGING)


def split_staging_dir(output_directory: str, split: str) -> str:
    """Returns the part of the staging folder that belongs to one split."""
    return storage.join(staging_dir(output_directory), split)


def lock_path(output_directory: str) -> str:
    """Returns the path of the lock, where the file system has none."""
    return storage.join(staging_dir(output_directory), 'lock.json')


def input_report_path(output_directory: str) -> str:
    """Returns the path of the report on the input."""
    return storage.join(staging_dir(output_directory), 'input_report.json')


def build_plan_path(output_directory: str, split: str) -> str:
    """Returns the path of the plan that a split's finished shards belong to."""
    return storage.join(split_staging_dir(output_directory, split), 'identity.json')


def shard_info_path(output_directory: str, split: str, shard_name: str) -> str:
    """Returns the path of the entry of one finished shard."""
    return storage.join(split_staging_dir(output_directory, split), f'{shard_name}.json')


def summary_path(output_directory: str, split: str) -> str:
    """Returns the path of a split's summary."""
    return storage.join(split_staging_dir(output_directory, split), 'summary.json')
