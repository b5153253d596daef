"""Tests of ``ReduceGlobally``."""

import apache_beam as beam
import pytest
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that, equal_to

from indexed_imagenet.transforms.reduce import ReduceGlobally


def _join(elements, separator):
    return separator.join(sorted(elements))


@pytest.mark.parametrize(
    ('elements', 'expected'), [(['c', 'a', 'b'], 'a+b+c'), (['a'], 'a'), ([], '')]
)
def test_reduce_globally_calls_once_with_all_elements(elements, expected):
    with test_pipeline.TestPipeline() as pipeline:
        made = (
            pipeline | beam.Create(elements, reshuffle=False) | ReduceGlobally(_join, '+')
        )
        assert_that(made, equal_to([expected]))
