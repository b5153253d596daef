"""``verify``: reads finished shards again, and says what is wrong with them.

    shard files ─► findings of each ─► findings of the whole ─► report
                   a ParDo over the     each index once, none
                   shards, record by    missing, manifest and
                   record               offsets as found

A Beam job like the build. It also checks what other tools have written: without
a manifest, and without the index file, it says what it could not compare.
"""

import contextlib
import functools
import json
import tempfile
import uuid
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, StandardOptions
from apache_beam.pvalue import AsSingleton
from rich.console import Console

from indexed_imagenet.cli.build import run_job
from indexed_imagenet.console import open_stderr
from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions, parse_options
from indexed_imagenet.preflight.access import check_access
from indexed_imagenet.preflight.verify_inputs import (
    SplitCheck,
    find_splits,
    parse_flags,
    plan_check,
)
from indexed_imagenet.runners.select import open_runner, works_here
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.transforms.formats.shard_info import DECODE
from indexed_imagenet.transforms.index_table import ReadIndexTable
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.verify.shard import VerifyShards
from indexed_imagenet.transforms.verify.split import VerifySplit

# Faults that are told of all splits together; the others are counted.
_TOLD = 20


def build_graph(pipeline: beam.Pipeline, checks: Sequence[SplitCheck]) -> None:
    """Adds the job's steps to a pipeline."""
    for check in checks:
        split = check.rules.split
        table = None
        if check.index_file:
            read = ReadIndexTable(check.index_file, split)
            table = AsSingleton(pipeline | f'Read the index of {split}' >> read)
        (
            pipeline
            | f'Name the shards of {split}' >> beam.Create(check.tasks)
            | f'Verify each shard of {split}' >> VerifyShards(check.record_rules, table)
            | f'Verify {split}' >> VerifySplit(check.rules, check.report)
        )


def _good_line(check: SplitCheck, report: dict) -> str:
    """What was found to be right, and what was not looked at."""
    split, rules = check.rules.split, check.rules
    known = []
    if check.index_file:
        known.append(f'names and labels as in {check.index_file}')
    elif rules.has_manifest:
        known.append("names and labels as in the manifest's digests")
    if rules.has_manifest:
        known.append('manifest and offsets right')
    absent = report['missing'] + report['skipped']
    if absent:
        known.append(f'{absent:,} declared to be absent')
    if check.record_rules.check == DECODE:
        known.append('every picture decoded')
    known.append(f'fingerprint sha256 {report["fingerprint"]}')
    line = (
        f'{split}: {report["examples"]:,} examples in {report["shards"]:,} shards, each '
        f'index once, {", ".join(known)}'
    )
    if rules.num_examples is None:
        line += (
            '. Only structure and uniqueness were checked: without a manifest or '
            '--imagenet_index_file nothing says which examples, names and labels belong '
            'here'
        )
    return line


def _tell(checks: Sequence[SplitCheck], reports: Sequence[dict], out: Console) -> None:
    """Prints what is right, and raises what is not.

    Raises:
      UserError: a line for each of the first faults.
    """
    faults = [fault for report in reports for fault in report['faults']]
    count = sum(report['num_faults'] for report in reports)
    for check, report in zip(checks, reports, strict=True):
        if not report['num_faults']:
            line = _good_line(check, report)
            out.print(line, highlight=False, markup=False, soft_wrap=True)
    if count:
        lines = faults[:_TOLD]
        more = f', the first {_TOLD} of them above' if count > _TOLD else ''
        lines.append(f'{count:,} fault(s) in {checks[0].rules.directory}{more}')
        raise UserError('\n'.join(lines), exit_status=1)


@contextlib.contextmanager
def _reports_folder(options: BuildOptions) -> Iterator[str]:
    """A folder that is there while the job runs, for this process and for workers.

    Raises:
      UserError: workers are on other machines, and nothing names one that they see.
    """
    shared = options.view_as(GoogleCloudOptions).temp_location
    if not shared:
        if not works_here(options):
            runner = options.view_as(StandardOptions).runner
            raise UserError(
                f'--temp_location is missing; with --runner={runner} verify needs a '
                'folder that workers and this machine share, for its report'
            )
        with tempfile.TemporaryDirectory(prefix='verify-') as folder:
            yield folder
        return
    folder = files.join(shared, f'verify-{uuid.uuid4().hex}')
    files.make_folder(folder)
    try:
        yield folder
    finally:
        files.delete_folder(folder)


def run(argv: Sequence[str]) -> None:
    """Checks what the flags say, and tells what was found.

    Raises:
      UserError: a flag is wrong, the job failed, or there are faults.
    """
    flags, rest = parse_flags(argv)
    options = parse_options(rest)
    FileSystems.set_options(options)
    seen = {'DIR': flags.directory, '--imagenet_index_file': flags.imagenet_index_file}
    check_access(options, seen, writes='')
    splits = find_splits(flags)
    interrupt = Interrupt()
    with (
        _reports_folder(options) as folder,
        open_runner(options, rest, interrupt) as chosen,
    ):
        checks = [
            plan_check(flags, split, files.join(folder, f'{split}.json'))
            for split in splits
        ]
        add_steps = functools.partial(build_graph, checks=checks)
        run_job(add_steps, options, chosen, interrupt, Console(file=open_stderr()))
        reports = [json.loads(files.read_bytes(check.report)) for check in checks]
    _tell(checks, reports, Console())
