"""What several tests stand on: the golden tree, and small pictures."""

import functools
import os
import pathlib

import hypothesis
import numpy as np
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.test_pipeline import TestPipeline

GOLDEN = pathlib.Path(__file__).parent / 'golden'

# No deadlines: on a busy machine they fail by the clock. In CI every run tries the
# same examples.
hypothesis.settings.register_profile(
    'tests', deadline=None, derandomize='CI' in os.environ
)
hypothesis.settings.load_profile('tests')


@pytest.fixture(scope='session')
def golden() -> pathlib.Path:
    """The golden tree: images, index, and what the original builder makes of them."""
    return GOLDEN


@pytest.fixture(scope='session')
def tf():
    from indexed_imagenet.transforms.images.tf_codec import tensorflow

    return tensorflow()


@pytest.fixture(scope='session')
def pixels() -> np.ndarray:
    """A small picture: uint8, shape [24, 40, 3]."""
    return np.random.RandomState(0).randint(0, 256, (24, 40, 3)).astype(np.uint8)


@pytest.fixture(scope='session')
def jpeg(tf, pixels) -> bytes:
    """A small RGB JPEG."""
    return tf.io.encode_jpeg(pixels, quality=90).numpy()


@pytest.fixture
def new_pipeline():
    """Makes test pipelines on the in-process runner: no download is tried."""
    return functools.partial(TestPipeline, runner=FnApiRunner())
