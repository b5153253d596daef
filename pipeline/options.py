"""The flags of ``build``: ours beside Beam's, none of them dropped silently."""

import argparse
import difflib
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE
from indexed_imagenet.transforms.encode_shards import FAIL, SKIP
from indexed_imagenet.transforms.formats.shard_info import CHECKS, QUICK

# Of Beam's options, those that people who build reach for first, and what they
# do here: without --runner, Beam's own words would not be true.
_FIRST_BEAM_OPTIONS = {
    'runner': 'where the job runs, for example FlinkRunner or DataflowRunner '
    '(default: this machine, by a local runner of our own)',
    'direct_num_workers': 'worker processes on this machine (default: 0, one a core)',
    'flink_master': 'HOST:PORT of a Flink cluster',
    'environment_type': 'how a cluster starts workers: DOCKER, PROCESS, EXTERNAL, …',
    'project': 'Google Cloud project',
    'region': 'Google Cloud region',
    'temp_location': 'gs:// folder for temporary files of Dataflow',
    'max_num_workers': 'most workers that Dataflow may start',
}


class BuildOptions(PipelineOptions):
    """The options of a build, part of the pipeline's options."""

    @classmethod
    def _add_argparse_args(cls, parser):
        add_build_flags(parser)


def add_build_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``build`` in their groups."""
    inputs = parser.add_argument_group('what to build from')
    inputs.add_argument(
        '--train_directory',
        metavar='DIR',
        help='training images: class folders nXXXXXXXX/*.JPEG, or flat',
    )
    inputs.add_argument(
        '--validation_directory',
        metavar='DIR',
        help='validation images, flat or in class folders (give either split or both)',
    )
    inputs.add_argument(
        '--imagenet_index_file',
        metavar='FILE',
        help='imagenet_index.npz: the index and label of each file name',
    )
    inputs.add_argument(
        '--labels_file',
        metavar='FILE',
        default=str(SYNSETS_FILE),
        help='one synset a line, in the order of labels (default: packaged)',
    )
    inputs.add_argument(
        '--imagenet_metadata_file',
        metavar='FILE',
        default=str(METADATA_FILE),
        help='synset, tab, words a line (default: packaged)',
    )
    outputs = parser.add_argument_group('what to write')
    outputs.add_argument(
        '--output_directory', metavar='DIR', help='where the shard files go'
    )
    outputs.add_argument(
        '--train_shards',
        metavar='N',
        type=int_flag,
        default=1024,
        help='training shard files (default: %(default)s)',
    )
    outputs.add_argument(
        '--validation_shards',
        metavar='N',
        type=int_flag,
        default=128,
        help='validation shard files (default: %(default)s)',
    )
    outputs.add_argument(
        '--shuffle_seed',
        metavar='N',
        type=int_flag,
        default=0,
        help='seed of the shuffle; the same seed gives the same files '
        '(default: %(default)s)',
    )
    outputs.add_argument(
        '--overwrite',
        action='store_true',
        help='delete another build of the same split that is in the output directory '
        '(default: refuse to; what belongs to this build is always gone on with)',
    )
    images = parser.add_argument_group('how to take images')
    images.add_argument(
        '--check_images',
        choices=CHECKS,
        default=QUICK,
        help='quick: by header and end, and decode those in doubt; decode: decode each '
        '(default: %(default)s)',
    )
    images.add_argument(
        '--bad_images',
        choices=(FAIL, SKIP),
        default=FAIL,
        help='fail: leave out the shards that they belong into, and end with status 1; '
        'skip: write shards without them, and mark the data set as incomplete '
        '(default: %(default)s)',
    )
    report = parser.add_argument_group('what to say')
    report.add_argument(
        '--verbose', action='store_true', help="show Beam's own log and stack traces"
    )


def own_flags() -> list[str]:
    """The names of the flags of ``build`` that are ours."""
    parser = argparse.ArgumentParser(add_help=False)
    add_build_flags(parser)
    return [action.dest for action in parser._actions]


def int_flag(text: str) -> int:
    """Reads the value of a flag.

    Raises:
      argparse.ArgumentTypeError: it is not a whole number.
    """
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number') from None


class OneLineParser(argparse.ArgumentParser):
    """Tells an error in one line, without the usage of two hundred flags."""

    def error(self, message):
        raise UserError(f'{message.removeprefix("argument ")}; see --help')

    def parse_all(self, argv: Sequence[str]) -> argparse.Namespace:
        """Reads flags, of which each must be known.

        Raises:
          UserError: one is not; the message names the nearest that is.
        """
        flags, unknown = self.parse_known_args(argv)
        if unknown:
            raise UserError(self._explain_unknown(unknown[0]))
        return flags

    def _explain_unknown(self, argument: str) -> str:
        flag = argument.partition('=')[0]
        if not flag.startswith('-'):
            return f'unexpected argument {argument!r}; every flag is --name=value'
        known = list(self._option_string_actions)
        nearest = difflib.get_close_matches(flag, known, n=1, cutoff=0.7)
        hint = f'did you mean {nearest[0]}?' if nearest else 'see --help'
        return f'unknown flag {flag}; {hint}'


def _beam_option_classes() -> list[type[PipelineOptions]]:
    return [cls for cls in PipelineOptions.__subclasses__() if cls is not BuildOptions]


def _make_parser(show_all: bool) -> argparse.ArgumentParser:
    """The parser of all flags; its help shows some of Beam's options, or all."""
    parser = OneLineParser(
        prog='indexed-imagenet build',
        usage='%(prog)s --train_directory=DIR --validation_directory=DIR\n'
        '           --imagenet_index_file=FILE --output_directory=DIR\n'
        '           [other flags] [-- flags for the runner, unchecked]',
        description='Builds TFRecords in which each image carries its index.',
        allow_abbrev=False,
        add_help=False,
    )
    add_build_flags(parser)
    own_help = parser.add_argument_group('help')
    own_help.add_argument('--help', '-h', action='store_true', help='show this')
    own_help.add_argument(
        '--helpfull', action='store_true', help="show this and all of Beam's options"
    )
    some = None
    if not show_all:
        some = parser.add_argument_group("some of Beam's options (all: --helpfull)")
    for cls in _beam_option_classes():
        group = some or parser.add_argument_group(f"Beam's {cls.__name__}")
        known = len(group._group_actions)
        cls._add_argparse_args(group)
        for action in group._group_actions[known:]:
            if action.dest in _FIRST_BEAM_OPTIONS:
                action.help = _FIRST_BEAM_OPTIONS[action.dest]
                action.metavar = action.dest.rpartition('_')[2].upper()
            elif not show_all:
                action.help = argparse.SUPPRESS
    return parser


def parse_options(argv: Sequence[str]) -> BuildOptions:
    """Reads the flags of ``build``.

    Args:
      argv: flags, without the command. What follows a lone ``--`` goes to the
        runner unchecked.

    Raises:
      UserError: a flag that neither we nor Beam know, or a value that cannot be
        read.
      SystemExit: help was asked for and shown.
    """
    argv = list(argv)
    cut = argv.index('--') if '--' in argv else len(argv)
    ours, unchecked = argv[:cut], argv[cut + 1 :]
    parser = _make_parser(show_all='--helpfull' in ours)
    flags = parser.parse_all(ours)
    if flags.help or flags.helpfull:
        parser.print_help()
        raise SystemExit(0)
    return BuildOptions(ours + unchecked)


def is_set(name: str, argv: Sequence[str]) -> bool:
    """Whether a flag was given at all, even with its default as value."""
    return any(arg == f'--{name}' or arg.startswith(f'--{name}=') for arg in argv)
