"""The flags of ``build``: ours next to Beam's. Unknown flags are errors."""

import argparse
from collections.abc import Sequence
from typing import Any, TypeVar

from apache_beam.options.pipeline_options import PipelineOptions

from indexed_imagenet.flags import OneLineParser, fraction_flag, int_flag
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE
from indexed_imagenet.transforms.encode_shards import (
    FAIL,
    MAX_BAD_FRACTION,
    MIN_BAD_IMAGES,
    SKIP,
)
from indexed_imagenet.transforms.formats.shard_info import CHECKS, QUICK

# The Beam options that --help shows. They have texts of our own, because some of
# Beam's are wrong here: without --runner, our own local runner is used.
_FIRST_BEAM_OPTIONS = {
    'runner': 'where the job runs, for example FlinkRunner or DataflowRunner '
    '(default: a local runner of our own, on this machine)',
    'direct_num_workers': 'worker processes on this machine (default: 0, one per core '
    'that may be used, fewer if memory is short)',
    'flink_master': 'HOST:PORT of a Flink cluster',
    'environment_type': 'how a cluster starts workers: DOCKER, PROCESS, EXTERNAL, …',
    'project': 'Google Cloud project',
    'region': 'Google Cloud region',
    'temp_location': 'gs:// folder for temporary files of Dataflow; for verify on a '
    'cluster, a folder that workers and this machine share',
    'max_num_workers': 'maximum number of Dataflow workers',
}

# The number of shards of each split that the published index has.
DEFAULT_SHARDS = {'train': 1024, 'validation': 128}

# The flag for the number of workers, by runner; '' is the local one.
WORKER_FLAGS = {
    '': 'direct_num_workers',
    'direct': 'direct_num_workers',
    'flink': 'parallelism',
    'dataflow': 'max_num_workers',
}

# Flags for the number of workers of other programs.
_NUM_WORKERS = ('workers', 'n_workers', 'processes', 'num_processes', 'jobs', 'cores')


_Options = TypeVar('_Options', bound=PipelineOptions)


class BuildOptions(PipelineOptions):
    """The flags of ``build``, as a view of the pipeline options."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        add_build_flags(parser)

    def view_as(self, cls: type[_Options]) -> _Options:
        """Returns a view of these options, the same one each time.

        Beam asks for a view of its typing options some 350 times while a graph is
        built, and makes a parser for each.
        """
        # Beam's __setattr__ takes options only.
        views: dict[type[PipelineOptions], Any] = self.__dict__.setdefault('_views', {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        view: _Options = views[cls]
        return view


def add_build_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``build`` to a parser, in groups."""
    inputs = parser.add_argument_group('inputs')
    inputs.add_argument(
        '--train_directory',
        metavar='PATH',
        action='append',
        help='training images: class folders nXXXXXXXX/*.JPEG, or flat, or packed tar or '
        'zip files of them; a directory, file, glob or URL; may be repeated',
    )
    inputs.add_argument(
        '--validation_directory',
        metavar='PATH',
        action='append',
        help='validation images, in any of those forms (give one split or both)',
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
        help='one synset ID per line, in label order (default: packaged)',
    )
    inputs.add_argument(
        '--imagenet_metadata_file',
        metavar='FILE',
        default=str(METADATA_FILE),
        help='synset ID, tab and words per line (default: packaged)',
    )
    outputs = parser.add_argument_group('outputs')
    outputs.add_argument(
        '--output_directory', metavar='DIR', help='where to write the shard files'
    )
    outputs.add_argument(
        '--train_shards',
        metavar='N',
        type=int_flag,
        help='number of training shards (default: '
        f'{DEFAULT_SHARDS["train"]}; fewer for a smaller index of your own)',
    )
    outputs.add_argument(
        '--validation_shards',
        metavar='N',
        type=int_flag,
        help='number of validation shards (default: '
        f'{DEFAULT_SHARDS["validation"]}; fewer for a smaller index of your own)',
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
        help='delete a different build of the same split from the output directory, and '
        'remake shards without images that are gone (default: refuse both; an unfinished '
        'run of this build is always resumed)',
    )
    outputs.add_argument(
        '--check_kept',
        action='store_true',
        help='re-read shards of an earlier run before keeping them, rebuild damaged '
        'ones, and recognise shards whose manifest is lost (default: only their sizes '
        'are compared)',
    )
    images = parser.add_argument_group('image checks')
    images.add_argument(
        '--check_images',
        choices=CHECKS,
        default=QUICK,
        help='quick: check header and end, decode only doubtful images; '
        'decode: decode every image (default: %(default)s)',
    )
    images.add_argument(
        '--bad_images',
        choices=(FAIL, SKIP),
        default=FAIL,
        help='fail: do not write the shards that contain them, exit with status 1; '
        'skip: write those shards without them, mark the data set as incomplete '
        '(default: %(default)s)',
    )
    images.add_argument(
        '--max_bad_fraction',
        metavar='X',
        type=fraction_flag,
        default=MAX_BAD_FRACTION,
        help='with --bad_images=skip, the share of the images of a split, 0 to 1, that '
        f'may be bad; {MIN_BAD_IMAGES} always may (default: %(default)s)',
    )
    report = parser.add_argument_group('messages')
    report.add_argument(
        '--verbose', action='store_true', help="show Beam's own log and stack traces"
    )


def own_flags() -> list[str]:
    """Returns the names of our own flags of ``build``, without Beam's."""
    parser = argparse.ArgumentParser(add_help=False)
    add_build_flags(parser)
    return [action.dest for action in parser._actions]


def worker_paths(options: BuildOptions) -> dict[str, str | None]:
    """Returns the paths that workers use themselves, by the flag that gives each.

    The label files are read by the launcher alone.
    """
    paths: dict[str, str | None] = {}
    for flag in ('train_directory', 'validation_directory'):
        for number, path in enumerate(getattr(options, flag) or ()):
            paths[f'--{flag}' + (f' (no. {number + 1})' if number else '')] = path
    for flag in ('imagenet_index_file', 'output_directory'):
        paths[f'--{flag}'] = getattr(options, flag)
    return paths


def _beam_option_classes() -> list[type[PipelineOptions]]:
    return [cls for cls in PipelineOptions.__subclasses__() if cls is not BuildOptions]


def _make_parser(show_all: bool) -> OneLineParser:
    """Makes the parser of all flags.

    Args:
      show_all: show all of Beam's options in the help, not just a few.
    """
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
    own_help.add_argument('--help', '-h', action='store_true', help='show this help')
    own_help.add_argument(
        '--helpfull', action='store_true', help="show this and all of Beam's options"
    )
    shared = None
    if not show_all:
        shared = parser.add_argument_group("some of Beam's options (all: --helpfull)")
    for cls in _beam_option_classes():
        group = shared or parser.add_argument_group(f"Beam's {cls.__name__}")
        known = len(group._group_actions)
        cls._add_argparse_args(group)
        for action in group._group_actions[known:]:
            if action.dest in _FIRST_BEAM_OPTIONS:
                action.help = _FIRST_BEAM_OPTIONS[action.dest]
                action.metavar = action.dest.rpartition('_')[2].upper()
            elif not show_all:
                action.help = argparse.SUPPRESS
    return parser


def runner_of(name: str | None) -> str:
    """Returns the runner that a value of --runner names, such as ``flink``.

    Beam takes ``FlinkRunner`` in any case, and the full name of its class. Without a
    name it is '', the local runner.
    """
    return (name or '').rpartition('.')[2].lower().removesuffix('runner')


def _worker_hints(argv: Sequence[str]) -> dict[str, str]:
    """Returns what to say of flags for the number of workers that do not exist."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--runner', nargs='?')
    counts = WORKER_FLAGS.get(runner_of(parser.parse_known_args(argv)[0].runner))
    if not counts:
        return {}
    hint = f'the number of workers is --{counts}=N'
    return {f'--{name}': hint for name in _NUM_WORKERS}


def parse_options(argv: Sequence[str]) -> BuildOptions:
    """Parses the flags of ``build``.

    Args:
      argv: the flags without the command. Flags after a lone ``--`` go to the
        runner unchecked.

    Raises:
      UserError: a flag is unknown, or its value is invalid.
      SystemExit: the help was asked for and printed.
    """
    argv = list(argv)
    cut = argv.index('--') if '--' in argv else len(argv)
    checked, unchecked = argv[:cut], argv[cut + 1 :]
    parser = _make_parser(show_all='--helpfull' in checked)
    parser.hints = _worker_hints(checked)
    flags = parser.parse_all(checked)
    if flags.help or flags.helpfull:
        parser.print_help()
        raise SystemExit(0)
    return BuildOptions(checked + unchecked)


def is_set(name: str, argv: Sequence[str]) -> bool:
    """Returns true if a flag is among ``argv``, even with its default value."""
    return any(arg == f'--{name}' or arg.startswith(f'--{name}=') for arg in argv)
