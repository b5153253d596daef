"""Flags that the selected runner ignores, and those that do not exist."""

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import parse_options
from indexed_imagenet.runners.ignored_flags import ignored_flags, ignored_note


@pytest.mark.parametrize(
    ('runner', 'argv', 'ignored'),
    [
        ('', ['--direct_num_workers=2'], []),
        ('', ['--num_workers', '4', '--region=x'], ['--num_workers', '--region']),
        ('', ['--machine_type=e2'], ['--machine_type']),
        ('', ['--project=p', '--temp_location=gs://x'], []),
        ('', ['--parallelism=2', '--environment_type=DOCKER'], None),
        ('dataflow', ['--num_workers=4', '--region=x', '--project=p'], []),
        ('dataflow', ['--direct_num_workers=4'], ['--direct_num_workers']),
        ('flink', ['--parallelism=4', '--environment_type=DOCKER'], []),
        ('flink', ['--max_num_workers=4'], ['--max_num_workers']),
        ('prism', ['--prism_location=x', '--direct_num_workers=4'], None),
        ('portable', ['--region=x'], []),
        ('elsewhere', ['--region=x'], []),
    ],
)
def test_ignored_flags_by_runner(runner, argv, ignored):
    if ignored is None:
        ignored = [arg.partition('=')[0] for arg in argv if 'prism' not in arg]
    assert sorted(ignored_flags(runner, argv)) == sorted(ignored)


def test_ignored_note_names_the_flag_that_counts():
    assert ignored_note('', ['--direct_num_workers=4']) is None
    assert ignored_note('', ['--num_workers=4']) == (
        'note: the local runner ignores --num_workers; the number of workers is '
        '--direct_num_workers'
    )
    assert ignored_note('flink', ['--num_workers=4']) == (
        'note: --runner=flink ignores --num_workers; the number of workers is '
        '--parallelism'
    )
    assert ignored_note('', ['--region=x']) == 'note: the local runner ignores --region'
    assert ignored_note(
        'flink', ['--direct_num_workers=1'], ['--direct_num_workers']
    ) is (None)


@pytest.mark.parametrize(
    ('argv', 'flag'),
    [
        ([], '--direct_num_workers'),
        (['--runner=FlinkRunner'], '--parallelism'),
        (['--runner', 'DataflowRunner'], '--max_num_workers'),
    ],
)
@pytest.mark.parametrize('unknown', ['--workers', '--jobs'])
def test_parse_options_workers_leads_to_the_flag_that_counts(argv, flag, unknown):
    with pytest.raises(UserError) as raised:
        parse_options([*argv, f'{unknown}=4'])
    assert str(raised.value) == (
        f'unknown flag {unknown}; the number of workers is {flag}=N'
    )


def test_build_with_an_ignored_flag_says_so(build):
    ended = build('--num_workers=4')
    assert ended.status == 0
    assert 'note: the local runner ignores --num_workers; ' in ended.err
