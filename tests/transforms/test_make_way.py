import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from transforms.make_way import MakeWay
from transforms.verdict import UNKNOWN, Verdict

PRESENT = [
    'missing-train.csv',
    'rejected-train.csv',
    'train-00000-of-00004',
    'train-00003-of-00004',
    'validation-00000-of-00002',
    'missing-validation.csv',
    'train-notes.txt',
]
GOOD = Verdict({'train': 1}, {}, {})


@pytest.mark.parametrize(
    ('verdict', 'left'),
    [(GOOD, PRESENT[4:]), (Verdict.of('train', UNKNOWN, ['x']), PRESENT)],
)
def test_takes_shards_of_these_splits_away_if_the_verdict_is_good(
    new_pipeline, tmp_path, verdict, left
):
    for name in PRESENT:
        (tmp_path / name).touch()
    with new_pipeline() as pipeline:
        passed = pipeline | beam.Create([verdict]) | MakeWay(['train'], str(tmp_path))
        assert_that(passed, equal_to([verdict]))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(left)
