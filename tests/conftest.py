"""Shared fixtures: the golden tree, small images, and test pipelines."""

import functools
import os
import pathlib

import hypothesis
import numpy as np
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.test_pipeline import TestPipeline

GOLDEN = pathlib.Path(__file__).parent / 'golden'

# Without deadlines, which fail on a busy machine. In CI every run tries the same
# examples.
hypothesis.settings.register_profile(
    'tests', deadline=None, derandomize='CI' in os.environ
)
hypothesis.settings.load_profile('tests')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives each module's tests to one process, and those of packaging, too.

    Tests of a module share its fixtures, those of packaging share environments that
    take half a minute to set up.
    """
    for item in items:
        packaging = item.path.parent.name == 'packaging'
        group = item.path.parent if packaging else item.path
        item.add_marker(pytest.mark.xdist_group(str(group)))


@pytest.fixture(scope='session')
def golden() -> pathlib.Path:
    """The golden tree: images, index, and the shards of the original builder."""
    return GOLDEN


@pytest.fixture(scope='session')
def tf():
    """TensorFlow, imported as the package imports it."""
    from indexed_imagenet.transforms.images.tf_codec import tensorflow

    return tensorflow()


@pytest.fixture(scope='session')
def pixels() -> np.ndarray:
    """The pixels of a small image: uint8, shape [24, 40, 3]."""
    return np.random.RandomState(0).randint(0, 256, (24, 40, 3)).astype(np.uint8)


@pytest.fixture(scope='session')
def jpeg(tf, pixels) -> bytes:
    """A small RGB JPEG."""
    return tf.io.encode_jpeg(pixels, quality=90).numpy()


@pytest.fixture
def new_pipeline():
    """Makes test pipelines on the in-process runner, which downloads nothing."""
    return functools.partial(TestPipeline, runner=FnApiRunner())
