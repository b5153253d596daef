"""Which runner is meant, and which flags go with it."""

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import parse_options
from indexed_imagenet.runners.select import (
    check_flags,
    num_local_workers,
    runner_name,
    runs_locally,
)


@pytest.mark.parametrize(
    ('given', 'name'),
    [
        ('FlinkRunner', 'flink'),
        ('flinkrunner', 'flink'),
        ('apache_beam.runners.portability.prism_runner.PrismRunner', 'prism'),
        ('DirectRunner', 'direct'),
    ],
)
def test_runner_name_each_form_that_beam_takes_is_known(given, name):
    assert runner_name(parse_options([f'--runner={given}'])) == name


def test_runner_name_without_a_flag_is_empty():
    assert runner_name(parse_options([])) == ''


@pytest.mark.parametrize(
    'argv',
    [
        ['--flink_master=localhost:8081'],
        ['--flink_version=1.20', '--runner=PrismRunner'],
        ['--prism_location=/bin/prism', '--runner=FlinkRunner'],
    ],
)
def test_check_flags_flag_of_another_runner_is_refused(argv):
    flag = argv[0].partition('=')[0]
    with pytest.raises(UserError, match=f'^{flag} is set, but --runner is '):
        check_flags(parse_options(argv), argv)


def test_check_flags_refusal_names_the_runner_and_the_remedy():
    argv = ['--flink_version=1.20', '--runner=PrismRunner']
    with pytest.raises(UserError) as raised:
        check_flags(parse_options(argv), argv)
    assert str(raised.value) == (
        '--flink_version is set, but --runner is PrismRunner (expected FlinkRunner); '
        'add --runner=FlinkRunner or drop --flink_version'
    )


@pytest.mark.parametrize(
    'argv',
    [
        ['--runner=FlinkRunner', '--flink_master=localhost:8081'],
        ['--runner=PrismRunner', '--prism_location=/bin/prism'],
        ['--runner=PortableRunner', '--flink_master=localhost:8081'],
        [],
    ],
)
def test_check_flags_own_flags_are_accepted(argv):
    check_flags(parse_options(argv), argv)


@pytest.mark.parametrize(
    ('argv', 'is_local'),
    [
        ([], True),
        (['--runner=PrismRunner'], True),
        (['--runner=FlinkRunner'], True),
        (['--runner=FlinkRunner', '--flink_master=h:1'], False),
        (['--runner=DataflowRunner'], False),
    ],
)
def test_runs_locally_by_runner_and_master(argv, is_local):
    assert runs_locally(parse_options(argv)) is is_local


def test_num_local_workers_negative_is_refused():
    argv = ['--direct_num_workers=-1']
    with pytest.raises(UserError, match='^--direct_num_workers is -1 .expected 0 or'):
        num_local_workers(parse_options(argv), argv)
