"""Which runner is meant, and which flags go with it."""

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import parse_options
from indexed_imagenet.runners.select import check_flags, runner_name, works_here


@pytest.mark.parametrize(
    ('given', 'name'),
    [
        ('FlinkRunner', 'flink'),
        ('flinkrunner', 'flink'),
        ('apache_beam.runners.portability.prism_runner.PrismRunner', 'prism'),
        ('DirectRunner', 'direct'),
    ],
)
def test_beams_names_of_a_runner_are_known(given, name):
    assert runner_name(parse_options([f'--runner={given}'])) == name


def test_without_a_flag_it_is_the_local_one():
    assert runner_name(parse_options([])) == ''


@pytest.mark.parametrize(
    'argv',
    [
        ['--flink_master=localhost:8081'],
        ['--flink_version=1.20', '--runner=PrismRunner'],
        ['--prism_location=/bin/prism', '--runner=FlinkRunner'],
    ],
)
def test_a_flag_of_another_runner_is_refused(argv):
    flag = argv[0].partition('=')[0]
    with pytest.raises(UserError, match=f'^{flag} is given, but --runner is '):
        check_flags(parse_options(argv), argv)


@pytest.mark.parametrize(
    'argv',
    [
        ['--runner=FlinkRunner', '--flink_master=localhost:8081'],
        ['--runner=PrismRunner', '--prism_location=/bin/prism'],
        ['--runner=PortableRunner', '--flink_master=localhost:8081'],
        [],
    ],
)
def test_a_runners_own_flags_are_taken(argv):
    check_flags(parse_options(argv), argv)


@pytest.mark.parametrize(
    ('argv', 'here'),
    [
        ([], True),
        (['--runner=PrismRunner'], True),
        (['--runner=FlinkRunner'], True),
        (['--runner=FlinkRunner', '--flink_master=h:1'], False),
        (['--runner=DataflowRunner'], False),
    ],
)
def test_where_workers_are_is_known(argv, here):
    assert works_here(parse_options(argv)) is here
