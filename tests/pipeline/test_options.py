import pickle

import pytest
from apache_beam.options.pipeline_options import (
    DirectOptions,
    GoogleCloudOptions,
    SetupOptions,
    StandardOptions,
)

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import DEFAULT_SHARDS, is_set, own_flags, parse_options


def test_parse_options_no_flags_gives_defaults_of_the_original_builder():
    options = parse_options([])
    assert (options.train_shards, options.validation_shards) == (None, None)
    assert DEFAULT_SHARDS == {'train': 1024, 'validation': 128}
    assert options.shuffle_seed == 0
    assert options.labels_file.endswith('imagenet_lsvrc_2015_synsets.txt')
    assert options.imagenet_metadata_file.endswith('imagenet_metadata.txt')


def test_parse_options_flags_of_beam_are_accepted_with_ours():
    options = parse_options(
        ['--train_shards', '4', '--direct_num_workers=3', '--save_main_session']
    )
    assert options.train_shards == 4
    assert options.view_as(DirectOptions).direct_num_workers == 3
    assert options.view_as(SetupOptions).save_main_session


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--train_shard=4'], 'unknown flag --train_shard; did you mean --train_shards?'),
        (['--direct_num_worker=2'], 'did you mean --direct_num_workers?'),
        (['--zzzzzzzz'], 'unknown flag --zzzzzzzz; see --help'),
        (['train'], "unexpected argument 'train'; write flags as --name=value"),
        (
            ['--train_shards=four'],
            "--train_shards: 'four' is not a whole number; see --help",
        ),
        (['--train_shards'], '--train_shards: expected one argument'),
    ],
)
def test_parse_options_bad_flag_is_one_line_with_status_2(argv, message):
    with pytest.raises(UserError) as raised:
        parse_options(argv)
    assert message in str(raised.value)
    assert '\n' not in str(raised.value)
    assert raised.value.exit_status == 2


def test_parse_options_flags_after_lone_double_dash_are_unchecked():
    options = parse_options(['--train_shards=4', '--', '--flink_only=x'])
    assert options.train_shards == 4
    everything = options.get_all_options(retain_unknown_options=True)
    assert everything['flink_only'] == 'x'


def test_help_shows_our_groups_and_some_flags_of_beam(capsys):
    with pytest.raises(SystemExit) as stopped:
        parse_options(['--help'])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    for title in ('inputs:', 'outputs:', "some of Beam's options"):
        assert title in out
    assert '--direct_num_workers' in out
    assert '--dataflow_endpoint' not in out


def test_helpfull_shows_all_flags_of_beam(capsys):
    with pytest.raises(SystemExit):
        parse_options(['--helpfull'])
    out = capsys.readouterr().out
    assert "Beam's GoogleCloudOptions:" in out
    assert '--dataflow_endpoint' in out


def test_own_flags_are_those_of_build_without_beams():
    assert {'train_shards', 'verbose'} <= set(own_flags())
    assert 'direct_num_workers' not in own_flags()


def test_is_set_default_value_counts_and_longer_name_does_not():
    assert is_set('direct_num_workers', ['--direct_num_workers=1'])
    assert is_set('direct_num_workers', ['--direct_num_workers', '1'])
    assert not is_set('direct_num_workers', ['--direct_num_workers_x=1'])


def test_view_as_gives_one_view_whose_changes_show_everywhere():
    options = parse_options(['--job_name=a', '--runner=FlinkRunner'])
    view = options.view_as(GoogleCloudOptions)
    assert options.view_as(GoogleCloudOptions) is view
    view.job_name = 'b'
    assert options.get_all_options()['job_name'] == 'b'
    options.view_as(StandardOptions).runner = 'PrismRunner'
    copied = pickle.loads(pickle.dumps(options))
    assert copied.view_as(GoogleCloudOptions).job_name == 'b'
    assert copied.view_as(StandardOptions).runner == 'PrismRunner'
    copied.view_as(GoogleCloudOptions).job_name = 'c'
    assert (copied.get_all_options()['job_name'], view.job_name) == ('c', 'b')
