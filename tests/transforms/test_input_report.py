import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.text import MAX_SHOWN_CASES
from indexed_imagenet.transforms.formats.layout import input_report_path
from indexed_imagenet.transforms.input_report import (
    InputReport,
    IssueKind,
    MergeReports,
    SaveInputReport,
    merge_reports,
)

REPORTS = st.builds(
    InputReport.of,
    st.sampled_from(['train', 'validation']),
    st.sampled_from(list(IssueKind)),
    st.lists(st.text(max_size=4), max_size=8),
    st.integers(0, 9).map(lambda number: {'train': number}),
)


@given(st.lists(REPORTS, max_size=6), st.randoms(), st.integers(0, 6))
def test_merge_reports_any_order_and_grouping_gives_same_report(reports, random, cut):
    together = merge_reports(reports)
    shuffled = random.sample(reports, len(reports))
    parts = [merge_reports(shuffled[:cut]), merge_reports(shuffled[cut:])]
    assert merge_reports(parts) == together
    for key, count in together.counts.items():
        assert len(together.examples[key]) == min(count, MAX_SHOWN_CASES)


@given(st.lists(REPORTS, max_size=6))
def test_from_json_returns_what_to_json_wrote(reports):
    input_report = merge_reports(reports)
    assert InputReport.from_json(input_report.to_json()) == input_report


@pytest.mark.parametrize(
    ('input_report', 'blocks_build'),
    [
        (InputReport({'train': 3}), False),
        (InputReport({'train': 3, 'validation': 0}), True),
        (InputReport.of('train', IssueKind.UNKNOWN, ['a']), True),
        (InputReport.of('train', IssueKind.DUPLICATE, []), False),
        (InputReport.of('train', IssueKind.IGNORED, ['README']), False),
    ],
)
def test_blocks_build_fault_or_empty_split_is_true(input_report, blocks_build):
    assert input_report.blocks_build == blocks_build


def test_save_input_report_writes_merged_report(new_pipeline, tmp_path):
    parts = [
        InputReport.of('train', IssueKind.UNKNOWN, ['a']),
        InputReport({'train': 2}),
    ]
    with new_pipeline() as pipeline:
        input_report = pipeline | beam.Create(parts) | MergeReports()
        input_report | SaveInputReport(str(tmp_path))
        assert_that(input_report, equal_to([merge_reports(parts)]))
    with open(input_report_path(str(tmp_path)), 'rb') as file:
        assert InputReport.from_json(file.read()) == merge_reports(parts)
