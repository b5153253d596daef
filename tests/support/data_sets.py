"""Fixtures: data sets to read, complete, incomplete, and by the original builder."""

import pathlib
import shutil

import numpy as np
import pytest

from indexed_imagenet.cli.main import main
from support.commands import build_command


def build(tree, output, *flags) -> pathlib.Path:
    command = [*build_command(tree, output), '--direct_num_workers=1', *flags]
    assert main([str(arg) for arg in command]) == 0
    return output


@pytest.fixture(scope='session')
def built(golden, tmp_path_factory) -> pathlib.Path:
    """The golden tree, built: 51 and 24 examples."""
    return build(golden, tmp_path_factory.mktemp('built') / 'out')


@pytest.fixture(scope='session')
def absent(golden) -> list[int]:
    """The training indices that ``incomplete`` lacks."""
    return [3, 17, 40]


@pytest.fixture(scope='session')
def incomplete(golden, names, absent, tmp_path_factory) -> pathlib.Path:
    """The golden tree, built without three of its images."""
    tree = tmp_path_factory.mktemp('incomplete') / 'golden'
    shutil.copytree(golden, tree)
    for path in [tree, *tree.rglob('*')]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for index in absent:
        [path] = (tree / 'train').rglob(names[index])
        path.unlink()
    return build(tree, tree.parent / 'out')


@pytest.fixture(scope='session')
def foreign(golden, tmp_path_factory) -> pathlib.Path:
    """What the authors' own builder made of the golden tree."""
    folder = tmp_path_factory.mktemp('foreign')
    for split in ('train', 'validation'):
        made = golden / f'expected-{split}.tfrecord'
        shutil.copy(made, folder / f'{split}-00000-of-00001')
    return folder


@pytest.fixture(scope='session')
def names(golden) -> list[str]:
    """The training names of the index, in its order."""
    with np.load(golden / 'imagenet_index.npz') as index:
        return [name.decode() for name in index['tr_filenames'].tolist()]


@pytest.fixture(scope='session')
def records(golden, tf) -> dict[int, dict]:
    """The features of each training record, by index, as TensorFlow reads them."""
    found = {}
    for record in tf.data.TFRecordDataset(str(golden / 'expected-train.tfrecord')):
        example = tf.train.Example.FromString(record.numpy())
        features = {
            key: (feature.int64_list.value or feature.bytes_list.value)[0]
            for key, feature in example.features.feature.items()
        }
        found[features['index']] = features
    return found
