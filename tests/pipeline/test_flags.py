import argparse
import sys

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.flags import OneLineParser, int_flag
from support.commands import ROOT, run_elsewhere


@pytest.fixture
def parser():
    parser = OneLineParser(prog='x', allow_abbrev=False)
    parser.add_argument('--shards', type=int_flag, default=4)
    parser.add_argument('--split', choices=['train', 'validation'])
    return parser


def test_int_flag_whole_number_is_parsed():
    assert int_flag('-12') == -12


@pytest.mark.parametrize('text', ['', '1.5', 'four', '0x1'])
def test_int_flag_other_text_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match='is not a whole number'):
        int_flag(text)


def test_parse_all_known_flags_are_parsed(parser):
    flags = parser.parse_all(['--shards=3', '--split', 'train'])
    assert (flags.shards, flags.split) == (3, 'train')
    assert parser.parse_all([]).shards == 4


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--shard=3'], 'unknown flag --shard; did you mean --shards?'),
        (['--zzzzzz=3'], 'unknown flag --zzzzzz; see --help'),
        (['train'], "unexpected argument 'train'; write flags as --name=value"),
        (['--shards=x'], "--shards: 'x' is not a whole number; see --help"),
        (['--shards'], '--shards: expected one argument; see --help'),
        (['--split=test'], "--split: invalid choice: 'test'"),
    ],
)
def test_parse_all_bad_flag_is_one_line(parser, argv, message):
    with pytest.raises(UserError) as raised:
        parser.parse_all(argv)
    assert str(raised.value).startswith(message)
    assert '\n' not in str(raised.value)
    assert raised.value.exit_status == 2


def test_import_loads_neither_beam_nor_tensorflow():
    code = (
        'import sys, indexed_imagenet.flags; '
        "print(sorted({'apache_beam', 'tensorflow', 'numpy'} & sys.modules.keys()))"
    )
    assert run_elsewhere([sys.executable, '-c', code], ROOT).out == '[]\n'
