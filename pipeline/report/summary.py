"""Tells how a build ended, from what the job wrote down."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from indexed_imagenet.build import Job
from indexed_imagenet.errors import UserError
from indexed_imagenet.transforms.encode_shards import CANNOT_BE_READ
from indexed_imagenet.transforms.formats.layout import input_report_path, summary_path
from indexed_imagenet.transforms.input_report import (
    BLOCKING,
    DUPLICATE,
    IGNORED,
    MISPLACED,
    SHRUNK,
    UNKNOWN,
    UNREADABLE,
    InputReport,
)
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.write_manifest import missing_path, rejected_path

_FAULT_TEXTS = {
    UNREADABLE: 'cannot be listed; make each readable',
    UNKNOWN: 'not in the index; take them out, or give the index that names them',
    MISPLACED: "in another class's folder; move each to the folder of its class",
    DUPLICATE: 'there twice; keep one of each',
    SHRUNK: 'fewer than the output directory was built from; give the directory that has '
    'them all, or have the shards made again without them with --overwrite',
}


def read_input_report(output_directory: str) -> InputReport:
    """The input_report, as the job wrote it down."""
    return InputReport.from_json(files.read_bytes(input_report_path(output_directory)))


def read_summary(output_directory: str, split: str) -> dict[str, Any]:
    """The summary of one split, as the job wrote it down."""
    return json.loads(files.read_bytes(summary_path(output_directory, split)))


def _some(cases: list[str] | tuple[str, ...], count: int) -> str:
    more = f' and {count - len(cases)} more' if count > len(cases) else ''
    return ', '.join(cases) + more


def _images(count: int) -> str:
    return f'{count:,} image' if count == 1 else f'{count:,} images'


def input_errors(
    input_report: InputReport, summaries: dict[str, dict[str, Any]], job: Job
) -> list[str]:
    """What a bad input_report says, a line for each fault; nothing for a good one."""
    lines = []
    for split in job.splits:
        faults = [f for f in BLOCKING if input_report.counts.get((split.name, f))]
        for fault in faults:
            count = input_report.counts[split.name, fault]
            what = f'{count:,} folder(s)' if fault == UNREADABLE else _images(count)
            if fault == DUPLICATE:
                summary = summaries[split.name]
                paths = [image['path'] for image in summary['first_rejected']]
                listed = rejected_path(job.output_directory, split.name)
                cases = f'{_some(paths, summary["rejected"])}, all listed in {listed}'
            elif fault == SHRUNK:
                [cases] = input_report.examples[split.name, fault]
            else:
                cases = _some(input_report.examples[split.name, fault], count)
            lines.append(
                f'{split.name}: {what} {_FAULT_TEXTS[fault]} '
                f'(in {split.directory}: {cases})'
            )
        if not input_report.images.get(split.name) and not faults:
            lines.append(
                f'{split.name}: no image in {split.directory}; its folders are empty'
            )
    return lines


def _remedy(reason: str) -> str:
    if reason.startswith(CANNOT_BE_READ):
        return 'make the file readable'
    return 'replace the file by a good copy'


def rejection_lines(
    summary: dict[str, Any], split: str, directory: str, output_directory: str
) -> list[str]:
    """What is to be said of rejected images, a line for each of the first few."""
    lines = [
        f'{split}: {files.join(directory, image["path"])} (index {image["index"]}): '
        f'{image["reason"]}; {_remedy(image["reason"])}'
        for image in summary['first_rejected']
    ]
    if summary['rejected']:
        path = rejected_path(output_directory, split)
        left_out = summary['shards'] - summary['shards_there']
        if left_out:
            effect = (
                f'{left_out} of {summary["shards"]} shards left out for them; once they '
                'are mended the same command makes those alone, and with '
                '--bad_images=skip it makes them without the images'
            )
        else:
            effect = 'skipped: the data set is marked as incomplete'
        lines.append(
            f'{split}: {_images(summary["rejected"])} rejected, all listed in {path}; '
            f'{effect}'
        )
    return lines


def notes(
    input_report: InputReport, summary: dict[str, Any], split: str, job: Job
) -> list[str]:
    """What is worth saying of a split that was built, a line each."""
    lines = []
    if summary['missing']:
        path = missing_path(job.output_directory, split)
        lines.append(
            f'{split}: {_images(summary["missing"])} of the index not there, '
            f'listed in {path}'
        )
    count = input_report.counts.get((split, IGNORED), 0)
    if count:
        cases = _some(input_report.examples[split, IGNORED], count)
        lines.append(
            f'{split}: {count} file(s) or folder(s) left out, as not in the index and '
            f'not named like an image: {cases}'
        )
    return lines


def summary_table(summaries: dict[str, dict[str, Any]]) -> Table:
    """The table at the end of a build, a column for each split."""
    table = Table(show_edge=False)
    table.add_column('')
    rows: dict[str, list[str]] = {}
    for split, summary in summaries.items():
        table.add_column(split, justify='right')
        seconds, new = summary['seconds'], summary['new_examples']
        rate = f'{new / max(seconds, 1e-3):,.0f}' if new else '-'
        shards = f'{summary["shards_there"]:,}'
        if summary['shards_kept']:
            shards += f' ({summary["shards_kept"]:,} kept)'
        converted = f'{summary["converted_png"]} / {summary["converted_cmyk"]}'
        for name, value in (
            ('examples', f'{summary["examples"]:,}'),
            ('shards', shards),
            ('bytes', f'{summary["bytes"]:,}'),
            ('classes', f'{summary["classes"]:,}'),
            ('converted PNG / CMYK', converted),
            ('missing', f'{summary["missing"]:,}'),
            ('rejected', f'{summary["rejected"]:,}'),
            ('time', f'{seconds:.1f} s'),
            ('images/s', rate),
        ):
            rows.setdefault(name, []).append(value)
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def _state_line(summary: dict[str, Any], split: str) -> str:
    """Whether a split is complete, and what to compare it by."""
    if 'fingerprint' not in summary:
        left_out = summary['shards'] - summary['shards_there']
        return (
            f'{split}: unfinished, {left_out:,} of {summary["shards"]:,} shards missing'
        )
    state = 'complete' if summary['complete'] else 'incomplete'
    return f'{split}: {state}, fingerprint sha256 {summary["fingerprint"]}'


def print_summary(job: Job, out: Console, err: Console) -> None:
    """Prints how the build ended.

    Raises:
      UserError: it did not end well; each line of it is already one error.
    """
    input_report = read_input_report(job.output_directory)
    summaries = {s.name: read_summary(job.output_directory, s.name) for s in job.splits}
    errors = input_errors(input_report, summaries, job)
    if errors:
        raise UserError('\n'.join(errors), exit_status=1)
    for split in job.splits:
        summary = summaries[split.name]
        for line in notes(input_report, summary, split.name, job):
            err.print(line, highlight=False, markup=False, soft_wrap=True)
        lines = rejection_lines(
            summary, split.name, split.directory, job.output_directory
        )
        if summary['shards_there'] < summary['shards']:
            errors += lines
            continue
        for line in lines:
            err.print(line, highlight=False, markup=False, soft_wrap=True)
    out.print(summary_table(summaries))
    for split in job.splits:
        out.print(
            _state_line(summaries[split.name], split.name),
            highlight=False,
            soft_wrap=True,
        )
    if errors:
        raise UserError('\n'.join(errors), exit_status=1)
