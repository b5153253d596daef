"""What was found in the input before any image is read.

Every step that can find something wrong says so in an ``InputReport`` of its own;
merged, they are the one report that decides whether images are read at all. A report
stays small whatever goes wrong: exact counts, and the first few cases of each kind by
name.
"""

import dataclasses
import enum
import json
from collections.abc import Iterable

import apache_beam as beam

from indexed_imagenet.text import MAX_SHOWN_CASES
from indexed_imagenet.transforms.formats.layout import input_report_path, staging_dir
from indexed_imagenet.transforms.storage.atomic import atomic_write


class IssueKind(enum.StrEnum):
    """Kinds of issues."""

    UNREADABLE = 'unreadable'  # a folder that cannot be listed
    DAMAGED = 'damaged'  # a fault of an archive, or a member that cannot be taken
    UNKNOWN = 'unknown'  # an image that the index does not name
    RENAMED = 'renamed'  # an image that may be one that the index has
    RESPELLED = (
        'respelled'  # an image that was taken though its name is spelled otherwise
    )
    MISPLACED = 'misplaced'  # an image in another class's folder
    DUPLICATE = 'duplicate'  # two images for one index
    SHRUNK = 'shrunk'  # fewer images than the output directory was built from
    OTHER_SPLIT = 'other_split'  # a file in a folder of an archive for another split
    IGNORED = 'ignored'  # a file or folder that is neither in the index nor an image


# Those that stop the build.
BLOCKING = (
    IssueKind.UNREADABLE,
    IssueKind.DAMAGED,
    IssueKind.UNKNOWN,
    IssueKind.RENAMED,
    IssueKind.MISPLACED,
    IssueKind.DUPLICATE,
    IssueKind.SHRUNK,
)


@dataclasses.dataclass(frozen=True, slots=True)
class InputReport:
    """Counts and first cases of what was found, by split and kind.

    Attributes:
      images: number of images that have a row, by split.
      counts: number of issues, by (split, kind).
      examples: at most ``MAX_SHOWN_CASES`` cases each, sorted, by (split, kind).
    """

    images: dict[str, int] = dataclasses.field(default_factory=dict)
    counts: dict[tuple[str, IssueKind], int] = dataclasses.field(default_factory=dict)
    examples: dict[tuple[str, IssueKind], tuple[str, ...]] = dataclasses.field(
        default_factory=dict
    )

    @classmethod
    def of(
        cls,
        split: str,
        kind: IssueKind,
        cases: Iterable[str],
        images: dict[str, int] | None = None,
        count: int | None = None,
    ) -> 'InputReport':
        """Returns a report on some cases of one kind, and on a number of images.

        Args:
          split: of the cases.
          kind: of the cases.
          cases: all of them; with ``count`` at least the first few.
          images: the number of images with a row, by split.
          count: the number of all cases.
        """
        cases = sorted(cases)
        key = (split, kind)
        shown = tuple(cases[:MAX_SHOWN_CASES])
        return cls(
            images or {}, {key: len(cases) if count is None else count}, {key: shown}
        )

    @property
    def blocks_build(self) -> bool:
        """Whether nothing may be read."""
        return not all(self.images.values()) or any(
            count for (_, kind), count in self.counts.items() if kind in BLOCKING
        )

    def to_json(self) -> bytes:
        """Returns the content of the report's file, which the launcher reads."""
        issues = [
            [split, kind, count, self.examples[split, kind]]
            for (split, kind), count in sorted(self.counts.items())
        ]
        return json.dumps({'images': self.images, 'issues': issues}).encode()

    @classmethod
    def from_json(cls, content: bytes) -> 'InputReport':
        """Reads what ``to_json`` wrote."""
        fields = json.loads(content)
        report = cls(fields['images'])
        for split, kind, count, examples in fields['issues']:
            report.counts[split, IssueKind(kind)] = count
            report.examples[split, IssueKind(kind)] = tuple(examples)
        return report


def merge_reports(reports: Iterable[InputReport]) -> InputReport:
    """Adds up reports; the order they come in makes no difference."""
    merged = InputReport()
    for report in reports:
        for split, images in report.images.items():
            merged.images[split] = merged.images.get(split, 0) + images
        for key, count in report.counts.items():
            merged.counts[key] = merged.counts.get(key, 0) + count
            cases = merged.examples.get(key, ()) + report.examples[key]
            merged.examples[key] = tuple(sorted(cases)[:MAX_SHOWN_CASES])
    return merged


class MergeReports(beam.PTransform):
    """Merges every step's reports into the one report on the whole input."""

    def expand(self, reports: beam.PCollection) -> beam.PCollection:
        return reports | 'Merge the reports of all steps' >> beam.CombineGlobally(
            merge_reports
        ).with_output_types(InputReport)


def save_input_report(report: InputReport, output_directory: str) -> None:
    """Writes the report into the staging folder."""
    path = input_report_path(output_directory)
    atomic_write(path, report.to_json(), staging_dir(output_directory))


class SaveInputReport(beam.PTransform):
    """Writes the report into the staging folder, where the launcher waits for it."""

    def __init__(self, output_directory: str):
        super().__init__()
        self._output_directory = output_directory

    def expand(self, report: beam.PCollection) -> beam.PCollection:
        return report | 'Write the report file' >> beam.Map(
            save_input_report, self._output_directory
        )
