"""The worked example on the sample: mislabelled examples come out on top."""

import pathlib

import numpy as np
import pytest
from rich.console import Console

from indexed_imagenet import IndexedDataset
from indexed_imagenet.cli.main import main
from indexed_imagenet.errors import UserError
from indexed_imagenet.sample.make import describe, make_sample
from indexed_imagenet.sample.plan import Sample
from indexed_imagenet.scores import example
from support.data_sets import build

SAMPLE = Sample()


@pytest.fixture(scope='module')
def sample_records(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp('sample')
    make_sample(folder / 'sample', SAMPLE, Console(quiet=True))
    return build(folder / 'sample', folder / 'records')


def test_example_mislabelled_examples_are_memorized_most(
    sample_records, tmp_path, capsys
):
    output = tmp_path / 'memorization.npz'
    example.run([str(sample_records), f'--output={output}', '--runs=60'])
    printed = capsys.readouterr().out
    kinds = describe(SAMPLE).kinds
    joined = IndexedDataset(sample_records).join(output)
    assert joined.higher_is == 'more memorized'
    memorized = joined.columns['memorization']
    means = {kind: memorized[kinds == kind].mean() for kind in set(kinds.tolist())}
    assert means['mislabelled'] > 0.9
    assert means['mislabelled'] > means['hard'] + 0.2
    assert means['hard'] > means['typical'] + 0.2
    top = example.most_memorized(memorized, joined.columns['margin'], 10)
    assert np.count_nonzero(kinds[top] == 'mislabelled') >= 7
    for index in top.tolist():
        assert f'{index:6}  ' in printed
    assert 'the strongest influence' in printed

    # The third command of the README.
    command = ['top', str(sample_records), f'--scores={output}', '--by=memorization']
    assert main([*command, '--n=10']) == 0
    assert '1.0000' in capsys.readouterr().out


def test_most_memorized_ties_are_ordered_by_margin_and_gaps_left_out():
    memorized = np.array([1.0, np.nan, 0.5, 1.0])
    margin = np.array([-0.1, -9.0, -5.0, -0.7])
    assert example.most_memorized(memorized, margin, 3).tolist() == [3, 0, 2]


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--runs=1'], r'--runs is 1 \(expected at least 2\)'),
        (['--output=x.txt', '--runs=2'], "ending '.txt'"),
    ],
)
def test_example_bad_flags_are_one_line(built, tmp_path, flags, message):
    with pytest.raises(UserError, match=message):
        example.run([str(built), f'--output={tmp_path}/x.npz', *flags])


def test_example_incomplete_data_set_is_refused(incomplete, tmp_path):
    with pytest.raises(UserError, match='positions need every example'):
        example.run([str(incomplete), f'--output={tmp_path}/x.npz'])
