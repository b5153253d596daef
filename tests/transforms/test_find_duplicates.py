import apache_beam as beam
import numpy as np
from apache_beam.testing.util import assert_that, equal_to

from indexed_imagenet.transforms.find_duplicates import FindDuplicates
from indexed_imagenet.transforms.input_report import (
    InputReport,
    IssueKind,
)
from indexed_imagenet.transforms.rows import make_rows, pack_rows


def block(*indices):
    names = [b'%d' % i for i in indices]
    return pack_rows(
        make_rows(names, names, np.array(indices, int), np.zeros(len(names)))
    )


def test_find_duplicates_reports_repeated_indices_and_image_counts(new_pipeline):
    with new_pipeline() as pipeline:
        reports = (
            pipeline
            | beam.Create([(0, block(5, 7)), (0, block(7, 9, 9)), (1, block())])
            | FindDuplicates('train')
        )
        assert_that(
            reports,
            equal_to(
                [
                    InputReport.of(
                        'train', IssueKind.DUPLICATE, ['index 7', 'index 9'], {'train': 5}
                    ),
                    InputReport.of('train', IssueKind.DUPLICATE, [], {'train': 0}),
                ]
            ),
        )
