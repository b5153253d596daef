import pytest
from apache_beam.options.pipeline_options import DirectOptions, SetupOptions

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import is_set, parse_options


def test_the_defaults_are_those_of_the_original():
    options = parse_options([])
    assert (options.train_shards, options.validation_shards) == (1024, 128)
    assert options.shuffle_seed == 0
    assert options.labels_file.endswith('imagenet_lsvrc_2015_synsets.txt')
    assert options.imagenet_metadata_file.endswith('imagenet_metadata.txt')


def test_beams_options_are_taken_beside_ours():
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
        (['train'], "unexpected argument 'train'; every flag is --name=value"),
        (
            ['--train_shards=four'],
            "--train_shards: 'four' is not a whole number; see --help",
        ),
        (['--train_shards'], '--train_shards: expected one argument'),
    ],
)
def test_no_flag_is_dropped(argv, message):
    with pytest.raises(UserError) as raised:
        parse_options(argv)
    assert message in str(raised.value)
    assert raised.value.exit_status == 2


def test_flags_after_a_lone_dash_pair_go_on_unchecked():
    options = parse_options(['--train_shards=4', '--', '--flink_only=x'])
    assert options.train_shards == 4
    everything = options.get_all_options(retain_unknown_options=True)
    assert everything['flink_only'] == 'x'


def test_help_groups_our_flags_and_some_of_beams(capsys):
    with pytest.raises(SystemExit) as stopped:
        parse_options(['--help'])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    for title in ('what to build from:', 'what to write:', "some of Beam's options"):
        assert title in out
    assert '--direct_num_workers' in out
    assert '--dataflow_endpoint' not in out


def test_helpfull_shows_all_of_beams_options(capsys):
    with pytest.raises(SystemExit):
        parse_options(['--helpfull'])
    out = capsys.readouterr().out
    assert "Beam's GoogleCloudOptions:" in out
    assert '--dataflow_endpoint' in out


def test_tells_a_default_that_was_given_from_one_that_was_not():
    assert is_set('direct_num_workers', ['--direct_num_workers=1'])
    assert is_set('direct_num_workers', ['--direct_num_workers', '1'])
    assert not is_set('direct_num_workers', ['--direct_num_workers_x=1'])
