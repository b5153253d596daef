"""Reports what a build found of its images: issues, missing and rejected ones."""

from typing import Any

from indexed_imagenet.build import Job
from indexed_imagenet.report.few_images import few_images_warning
from indexed_imagenet.text import counted, first_of
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.encode_shards import CANNOT_BE_READ
from indexed_imagenet.transforms.formats.layout import (
    input_report_path,
    missing_path,
    rejected_path,
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
        'whose names are similar to some in the index, but of another format, of several '
        'images, or with the synset of another class',
        'rename each as in the index if it is that image, or remove it',
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
        ignored = counted(count, 'file or folder', 'files or folders')
        lines.append(f'{split}: ignored {ignored} {what}: {cases}')
    count = input_report.counts.get((split, IssueKind.RESPELLED), 0)
    if count:
        cases = first_of(input_report.examples[split, IssueKind.RESPELLED], count)
        lines.append(
            f'{split}: took {counted(count, "image")} whose names are spelled otherwise '
            f'in the index: {cases}'
        )
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
