"""``verify``: runs the job that reads finished shards again, and prints the faults."""

import contextlib
import functools
import json
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, StandardOptions
from rich.console import Console

from indexed_imagenet.console import open_stderr, print_line
from indexed_imagenet.errors import UserError
from indexed_imagenet.flags import OneLineParser
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE
from indexed_imagenet.labels.of_index import labels_of_index
from indexed_imagenet.options import BuildOptions, is_set, own_flags, parse_options
from indexed_imagenet.preflight.access import check_access
from indexed_imagenet.preflight.verify_inputs import (
    VerifyFlags,
    find_splits,
    plan_check,
)
from indexed_imagenet.preflight.verify_tfds import check_tfds_metadata
from indexed_imagenet.report.progress import ProgressWatcher
from indexed_imagenet.report.verify_progress import CheckedShardsReader
from indexed_imagenet.runners.execute import run_job
from indexed_imagenet.runners.select import open_runner, runs_locally
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.text import MAX_SHOWN_FAULTS, counted
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.layout import SPLITS
from indexed_imagenet.transforms.formats.shard_info import DECODE, QUICK
from indexed_imagenet.transforms.verify.fault import Fault
from indexed_imagenet.verify import SplitCheck, build_graph


def parse_flags(argv: Sequence[str]) -> tuple[VerifyFlags, list[str]]:
    """Splits the arguments into our flags and Beam's.

    Raises:
      UserError: a flag is unknown, or the directory is missing.
    """
    parser = OneLineParser(
        prog='indexed-imagenet verify',
        usage='%(prog)s DIR [--split=train] [--imagenet_index_file=FILE] [--decode]\n'
        '           [other flags]',
        description='Reads the shards in DIR again, and reports what is wrong with them.',
        epilog="Beam's options are accepted, too: see indexed-imagenet build --helpfull.",
        allow_abbrev=False,
    )
    parser.add_argument('directory', metavar='DIR', help='where the shards are')
    parser.add_argument(
        '--split', choices=SPLITS, help='check only this one (default: all in DIR)'
    )
    parser.add_argument(
        '--imagenet_index_file',
        metavar='FILE',
        help="compare names and labels with it (default: with the manifest's digests)",
    )
    parser.add_argument('--decode', action='store_true', help='decode every image, too')
    parser.add_argument(
        '--labels_file', metavar='FILE', default=str(SYNSETS_FILE), help='as for build'
    )
    parser.add_argument(
        '--imagenet_metadata_file',
        metavar='FILE',
        default=str(METADATA_FILE),
        help='as for build',
    )
    flags, rest = parser.parse_known_args(argv)
    for name in own_flags():
        if name != 'verbose' and is_set(name, rest):
            raise UserError(f'--{name} is a flag of build, not of verify; see --help')
    return VerifyFlags(
        storage.absolute(flags.directory),
        flags.split,
        flags.imagenet_index_file,
        flags.labels_file,
        flags.imagenet_metadata_file,
        DECODE if flags.decode else QUICK,
    ), rest


def _passed_line(check: SplitCheck, report: dict[str, Any]) -> str:
    """Returns the line for a split without faults: what was checked, what was not."""
    split, spec = check.spec.split, check.spec
    passed = []
    if check.index_file:
        passed.append(f'names and labels match {check.index_file}')
    elif spec.has_manifest:
        passed.append("names and labels match the manifest's digests")
    if spec.has_manifest:
        passed.append('manifest and offsets match')
    absent = report['missing'] + report['skipped']
    if absent:
        passed.append(f'{absent:,} declared missing')
    if check.record_spec.check == DECODE:
        passed.append('every image decoded')
    if report['other_form']:
        passed.append(
            f'{counted(report["other_form"], "record")} encoded in another form than '
            "the build's, with the same features"
        )
    passed.append(f'fingerprint sha256 {report["fingerprint"]}')
    line = (
        f'{split}: {counted(report["examples"], "example")} in '
        f'{counted(report["shards"], "shard")}, each index once, {", ".join(passed)}'
    )
    if spec.num_examples is None:
        line += (
            '. Only structure and uniqueness were checked: without a manifest or '
            '--imagenet_index_file the expected examples, names and labels are unknown'
        )
    return line


def _print_result(
    checks: Sequence[SplitCheck],
    reports: Sequence[dict[str, Any]],
    metadata_faults: Sequence[Fault],
    out: Console,
) -> None:
    """Prints a line for each split without faults, and raises the faults of the others.

    Raises:
      UserError: there are faults: one line for each of the first ones, and their number.
    """
    faults = [fault for report in reports for fault in report['faults']]
    faults += map(str, metadata_faults)
    count = sum(report['num_faults'] for report in reports) + len(metadata_faults)
    for check, report in zip(checks, reports, strict=True):
        if not report['num_faults']:
            print_line(out, _passed_line(check, report))
    if count:
        lines = faults[:MAX_SHOWN_FAULTS]
        more = f', the first {MAX_SHOWN_FAULTS} above' if count > MAX_SHOWN_FAULTS else ''
        remedies = dict.fromkeys(
            check.spec.remedy
            for check, report in zip(checks, reports, strict=True)
            if report['num_faults'] and check.spec.remedy
        )
        remedy = ''.join(f'; {text}' for text in remedies)
        directory = checks[0].spec.directory
        lines.append(f'{counted(count, "fault")} in {directory}{more}{remedy}')
        raise UserError('\n'.join(lines), exit_status=1)


@contextlib.contextmanager
def _report_folder(options: BuildOptions) -> Iterator[str]:
    """Makes a folder that this process and the workers see, and deletes it at the end.

    Yields:
      Its path or URL.

    Raises:
      UserError: the workers are on other machines, and no flag names such a folder.
    """
    shared = options.view_as(GoogleCloudOptions).temp_location
    if not shared:
        if not runs_locally(options):
            runner = options.view_as(StandardOptions).runner
            raise UserError(
                f'--temp_location is missing; verify with --runner={runner} needs a '
                'folder that the workers and this machine share, for its report'
            )
        with tempfile.TemporaryDirectory(prefix='verify-') as folder:
            yield folder
        return
    folder = storage.join(shared, f'verify-{uuid.uuid4().hex}')
    storage.make_folder(folder)
    try:
        yield folder
    finally:
        storage.delete_folder(folder)


def run(argv: Sequence[str]) -> None:
    """Checks the shards that the flags name, and prints the result.

    Args:
      argv: the directory and the flags.

    Raises:
      UserError: a flag is wrong, the job failed, or there are faults.
    """
    flags, rest = parse_flags(argv)
    options = parse_options(rest)
    FileSystems.set_options(options)
    paths = {'DIR': flags.directory, '--imagenet_index_file': flags.imagenet_index_file}
    check_access(options, paths, writes='')
    splits = find_splits(flags)
    interrupt = Interrupt()
    with (
        open_stderr() as stderr,
        _report_folder(options) as folder,
        open_runner(options, rest, interrupt) as handle,
    ):
        checks = [
            plan_check(flags, split, storage.join(folder, f'{split}.json'))
            for split in splits
        ]
        add_steps = functools.partial(build_graph, checks=checks)
        err = Console(file=stderr)
        with ProgressWatcher(folder, err, CheckedShardsReader(folder, checks)):
            run_job(add_steps, options, handle, interrupt, err)
        reports = [json.loads(storage.read_bytes(check.report)) for check in checks]
    labels = labels_of_index(
        flags.imagenet_index_file, flags.labels_file, flags.imagenet_metadata_file
    )
    metadata_faults = check_tfds_metadata(flags.directory, labels)
    _print_result(checks, reports, metadata_faults, Console())
