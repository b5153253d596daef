import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.layout import verdict_path
from indexed_imagenet.transforms.input_report import (
    EXAMPLES,
    FAULTS,
    LEFT_OUT,
    TWICE,
    UNKNOWN,
    NoteVerdict,
    ReachVerdict,
    Verdict,
    merge_verdicts,
)

VERDICTS = st.builds(
    Verdict.of,
    st.sampled_from(['train', 'validation']),
    st.sampled_from([*FAULTS, LEFT_OUT]),
    st.lists(st.text(max_size=4), max_size=8),
).flatmap(lambda v: st.integers(0, 9).map(lambda n: v._replace(images={'train': n})))


@given(st.lists(VERDICTS, max_size=6), st.randoms(), st.integers(0, 6))
def test_merging_in_any_order_and_grouping_gives_one_verdict(verdicts, random, cut):
    together = merge_verdicts(verdicts)
    shuffled = random.sample(verdicts, len(verdicts))
    parts = [merge_verdicts(shuffled[:cut]), merge_verdicts(shuffled[cut:])]
    assert merge_verdicts(parts) == together
    for key, count in together.counts.items():
        assert len(together.examples[key]) == min(count, EXAMPLES)


@given(st.lists(VERDICTS, max_size=6))
def test_the_note_says_all_of_it(verdicts):
    verdict = merge_verdicts(verdicts)
    assert Verdict.from_json(verdict.to_json()) == verdict


@pytest.mark.parametrize(
    ('verdict', 'is_bad'),
    [
        (Verdict({'train': 3}, {}, {}), False),
        (Verdict({'train': 3, 'validation': 0}, {}, {}), True),
        (Verdict.of('train', UNKNOWN, ['a']), True),
        (Verdict.of('train', TWICE, []), False),
        (Verdict.of('train', LEFT_OUT, ['README']), False),
    ],
)
def test_faults_and_empty_splits_make_it_bad(verdict, is_bad):
    assert verdict.is_bad == is_bad


def test_the_one_verdict_is_written_down(new_pipeline, tmp_path):
    parts = [Verdict.of('train', UNKNOWN, ['a']), Verdict({'train': 2}, {}, {})]
    with new_pipeline() as pipeline:
        verdict = pipeline | beam.Create(parts) | ReachVerdict()
        verdict | NoteVerdict(str(tmp_path))
        assert_that(verdict, equal_to([merge_verdicts(parts)]))
    with open(verdict_path(str(tmp_path)), 'rb') as note:
        assert Verdict.from_json(note.read()) == merge_verdicts(parts)
