"""Reports how a build ended, from the files that the job wrote."""

import json
import math
from typing import Any

from rich.console import Console
from rich.table import Table

from indexed_imagenet.build import Job
from indexed_imagenet.console import print_line
from indexed_imagenet.errors import UserError
from indexed_imagenet.report.few_images import few_images_warning
from indexed_imagenet.text import counted, first_of
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.encode_shards import CANNOT_BE_READ
from indexed_imagenet.transforms.formats.layout import (
    input_report_path,
    missing_path,
    rejected_path,
    shard_path,
    summary_path,
    warnings_path,
)
from indexed_imagenet.transforms.input_report import (
    BLOCKING,
    InputReport,
    IssueKind,
)

# For each kind of issue: what the images or folders are, and the remedy.
_ISSUE_TEXTS = {
    IssueKind.UNREADABLE: ('that cannot be listed', 'make every folder readable'),
    IssueKind.DAMAGED: (
        'in its archives',
        'replace a damaged archive with a whole one, and pack only plain files',
    ),
    IssueKind.UNKNOWN: (
        'not in the index',
        'remove them, or give the index file that has them',
    ),
    IssueKind.RENAMED: (
        'whose names differ from the index only by ending, case, Unicode form or an '
        'appended synset',
        'rename each as in the index',
    ),
    IssueKind.MISPLACED: (
        "in another class's folder",
        'move each to the folder of its class',
    ),
    IssueKind.DUPLICATE: ('more than once', 'keep one copy of each'),
    IssueKind.SHRUNK: (
        'fewer than the output directory was built from',
        'give the directory that has them all, or rebuild without them with --overwrite',
    ),
}

_NOUNS = {IssueKind.UNREADABLE: 'folder', IssueKind.DAMAGED: 'fault'}


def read_input_report(output_directory: str) -> InputReport:
    """Returns the input report that the job wrote."""
    return InputReport.from_json(storage.read_bytes(input_report_path(output_directory)))


def read_summary(output_directory: str, split: str) -> dict[str, Any]:
    """Returns the summary of a split that the job wrote."""
    summary: dict[str, Any] = json.loads(
        storage.read_bytes(summary_path(output_directory, split))
    )
    return summary


def input_errors(
    input_report: InputReport, summaries: dict[str, dict[str, Any]], job: Job
) -> list[str]:
    """Returns the errors of an input report, one line per split and kind of issue.

    Args:
      input_report: the job's.
      summaries: the summary of each split.
      job: the job, for its paths.

    Returns:
      The lines; none if the report does not block the build.
    """
    lines = []
    for split in job.splits:
        kinds = [kind for kind in BLOCKING if input_report.counts.get((split.name, kind))]
        for kind in kinds:
            count = input_report.counts[split.name, kind]
            examples = input_report.examples[split.name, kind]
            if kind == IssueKind.DUPLICATE:
                # The report has one of the copies; the list of rejected images has all.
                summary = summaries[split.name]
                paths = [image['path'] for image in summary['first_rejected']]
                listed = rejected_path(job.output_directory, split.name)
                cases = f'{first_of(paths, summary["rejected"])} (listed in {listed})'
            elif kind == IssueKind.SHRUNK:
                [cases] = examples  # the two numbers
            else:
                cases = first_of(examples, count)
            noun = _NOUNS.get(kind, 'image')
            what, remedy = _ISSUE_TEXTS[kind]
            lines.append(
                f'{split.name}: {split.shown} has {counted(count, noun)} {what}: '
                f'{cases}; {remedy}'
            )
        if not input_report.images.get(split.name) and not kinds:
            lines.append(
                f'{split.name}: {split.shown} has no images in its class folders; '
                f'check --{split.name}_directory'
            )
    return lines


def _remedy(reason: str) -> str:
    """Returns the remedy to append; nothing if the reason names one."""
    if reason.startswith(CANNOT_BE_READ):
        return '; make the file readable'
    if '; convert it' in reason:
        return ''
    return '; replace the file with a good copy'


def rejection_lines(
    summary: dict[str, Any], split: str, directory: str, output_directory: str
) -> list[str]:
    """Returns what to report of rejected images: the first few, one per line, and all.

    Args:
      summary: the summary of the split.
      split: name of the split.
      directory: path or URL of its images.
      output_directory: path or URL of the output.
    """
    lines = [
        f'{split}: {storage.join(directory, image["path"])} (index {image["index"]}): '
        f'{image["reason"]}{_remedy(image["reason"])}'
        for image in summary['first_rejected']
    ]
    if summary['rejected']:
        path = rejected_path(output_directory, split)
        left_out = summary['shards'] - summary['shards_there']
        unreadable = summary['unreadable']
        if unreadable:
            effect = (
                f'{left_out:,} of {summary["shards"]:,} shards not written, because '
                f'{counted(unreadable, "image")} could not be read; make them readable '
                'and rerun the same command to build only those shards'
            )
        elif left_out:
            effect = (
                f'{left_out:,} of {summary["shards"]:,} shards not written because of '
                'them; replace them and rerun the same command to build only those '
                'shards, or add --bad_images=skip to build without them'
            )
        elif 'fingerprint' in summary:
            effect = 'skipped: the data set is marked as incomplete'
        else:
            effect = 'skipped'
        lines.append(
            f'{split}: {counted(summary["rejected"], "image")} rejected, listed in '
            f'{path}; {effect}'
        )
    return lines


def withheld_line(summary: dict[str, Any], split: str, max_bad_fraction: float) -> str:
    """Returns why a split whose shards are all finished got no manifest.

    Args:
      summary: the summary of the split.
      split: name of the split.
      max_bad_fraction: the job's.
    """
    bad = summary['rejected']
    images = summary['examples'] + bad
    if not summary['examples']:
        return (
            f'{split}: none of {counted(images, "image")} can be used (expected at least '
            'one), so no manifest was written; replace them with good copies and rerun '
            'the same command'
        )
    return (
        f'{split}: {bad:,} of {counted(images, "image")} are bad, a share of '
        f'{bad / images:.4g} (expected at most {max_bad_fraction:g}), so no manifest was '
        'written; replace them with good copies and rerun the same command, or accept '
        f'them with --max_bad_fraction={_round_up(bad / images):g}: finished shards are '
        'kept'
    )


def _round_up(fraction: float) -> float:
    """Returns a share with at most two digits after the point, and not below it."""
    return min(math.ceil(fraction * 100) / 100, 1.0)


def kept_line(summary: dict[str, Any], split: str, job: Job) -> str | None:
    """Returns what was looked at of the shards that were kept; None if none were."""
    kept = summary['shards_kept']
    damaged = [
        shard_path(split, shard, summary['shards']) for shard in summary['damaged']
    ]
    parts = []
    if kept and job.check_kept:
        parts.append(f'{counted(kept, "shard")} kept, contents re-read')
    elif kept:
        parts.append(
            f'{counted(kept, "shard")} kept, contents not re-read (--check_kept re-reads '
            'them)'
        )
    if damaged:
        parts.append(
            f'{counted(len(damaged), "damaged shard")} built again: {first_of(damaged)}'
        )
    return f'{split}: {"; ".join(parts)}' if parts else None


def notes(
    input_report: InputReport, summary: dict[str, Any], split: str, job: Job
) -> list[str]:
    """Returns what to report of the input of a split that was built, line by line."""
    lines = []
    if summary['missing']:
        images = counted(summary['missing'], 'image')
        verb = 'is' if summary['missing'] == 1 else 'are'
        path = missing_path(job.output_directory, split)
        lines.append(f'{split}: {images} of the index {verb} missing; listed in {path}')
    if summary.get('warnings'):
        images = counted(summary['warnings'], 'image')
        path = warnings_path(job.output_directory, split)
        lines.append(
            f'{split}: the decoder accepts {images} with a warning, listed in {path}; '
            'look at them, and replace those that are damaged'
        )
    count = input_report.counts.get((split, IssueKind.IGNORED), 0)
    if count:
        what = (
            'that is neither in the index nor an image'
            if count == 1
            else 'that are neither in the index nor images'
        )
        cases = first_of(input_report.examples[split, IssueKind.IGNORED], count)
        lines.append(f'{split}: ignored {counted(count, "file")} {what}: {cases}')
    count = input_report.counts.get((split, IssueKind.OTHER_SPLIT), 0)
    if count:
        cases = first_of(input_report.examples[split, IssueKind.OTHER_SPLIT], count)
        what = counted(count, 'file')
        lines.append(f'{split}: left out {what} in folders of other splits: {cases}')
    [of_split] = [each for each in job.splits if each.name == split]
    warning = few_images_warning(
        input_report.images.get(split, 0),
        of_split.build_id.shuffle.num_examples,
        split,
        of_split.shown,
    )
    if warning:
        lines.append(warning)
    return lines


def summary_table(summaries: dict[str, dict[str, Any]]) -> Table:
    """Returns the table at the end of a build, one column per split."""
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
            ('warnings', f'{summary["warnings"]:,}'),
            ('time', f'{seconds:.1f} s'),
            ('images/s', rate),
        ):
            rows.setdefault(name, []).append(value)
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def _state_line(summary: dict[str, Any], split: str) -> str:
    """Returns the state of a split and the fingerprint to compare it by."""
    if 'fingerprint' not in summary:
        left_out = summary['shards'] - summary['shards_there']
        if not left_out:
            return f'{split}: unfinished, too few images can be used'
        return (
            f'{split}: unfinished, {left_out:,} of {summary["shards"]:,} shards missing'
        )
    state = 'complete' if summary['complete'] else 'incomplete'
    return f'{split}: {state}, fingerprint sha256 {summary["fingerprint"]}'


def print_summary(job: Job, out: Console, err: Console) -> None:
    """Prints how a build ended.

    Args:
      job: the job that ran.
      out: where to print the table and the state of each split.
      err: where to print everything else.

    Raises:
      UserError: images are bad or missing; the message has one error per line.
    """
    input_report = read_input_report(job.output_directory)
    summaries = {s.name: read_summary(job.output_directory, s.name) for s in job.splits}
    errors = input_errors(input_report, summaries, job)
    if errors:
        raise UserError('\n'.join(errors), exit_status=1)
    for split in job.splits:
        summary = summaries[split.name]
        for line in notes(input_report, summary, split.name, job):
            print_line(err, line)
        if kept := kept_line(summary, split.name, job):
            print_line(err, kept)
        lines = rejection_lines(
            summary, split.name, split.directory, job.output_directory
        )
        if 'fingerprint' not in summary:
            errors += lines
            if summary['shards_there'] == summary['shards']:
                fraction = job.policy.max_bad_fraction
                errors.append(withheld_line(summary, split.name, fraction))
            continue
        for line in lines:
            print_line(err, line)
    out.print(summary_table(summaries))
    for split in job.splits:
        print_line(out, _state_line(summaries[split.name], split.name))
    if errors:
        raise UserError('\n'.join(errors), exit_status=1)
