"""Reports how a build ended, from the files that the job wrote."""

import json
import math
from typing import Any

from rich.console import Console
from rich.table import Table

from indexed_imagenet.build import Job
from indexed_imagenet.console import print_line
from indexed_imagenet.errors import UserError
from indexed_imagenet.report.input_lines import (
    input_errors,
    notes,
    read_input_report,
    rejection_lines,
)
from indexed_imagenet.text import counted, first_of
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.layout import (
    shard_path,
    summary_path,
)


def read_summary(output_directory: str, split: str) -> dict[str, Any]:
    """Returns the summary of a split that the job wrote."""
    summary: dict[str, Any] = json.loads(
        storage.read_bytes(summary_path(output_directory, split))
    )
    return summary


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
