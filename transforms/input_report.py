"""What was found out about the input before any image is read.

Every step that can tell that something is wrong says so in a ``InputReport`` of
its own; merged, they are the one input_report that decides whether images are read
at all. A input_report stays small whatever goes wrong: exact counts, and the first
few cases of each kind by name.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

import apache_beam as beam

from indexed_imagenet.transforms.formats.layout import atomic_write, input_report_path

# Kinds of finding. Any but the last stops the build.
UNREADABLE = 'unlisted'  # a folder that cannot be listed
UNKNOWN = 'unknown'  # an image that the index does not name
MISPLACED = 'misplaced'  # an image in another class's folder
DUPLICATE = 'twice'  # two images for one index
SHRUNK = 'fewer'  # fewer images than the output directory was built from
IGNORED = 'left out'  # a file or folder that is no image and is not looked at
BLOCKING = (UNREADABLE, UNKNOWN, MISPLACED, DUPLICATE, SHRUNK)

EXAMPLES = 5


class InputReport(NamedTuple):
    """Counts and first cases of what was found, by split and kind.

    Attributes:
      images: number of images that have their row, by split.
      counts: number of findings, by (split, kind).
      examples: at most ``EXAMPLES`` cases each, sorted, by (split, kind).
    """

    images: dict[str, int]
    counts: dict[tuple[str, str], int]
    examples: dict[tuple[str, str], tuple[str, ...]]

    @classmethod
    def of(cls, split: str, kind: str, cases: Iterable[str]) -> 'InputReport':
        """A input_report on some cases of one kind."""
        cases = sorted(cases)
        key = (split, kind)
        return cls({}, {key: len(cases)}, {key: tuple(cases[:EXAMPLES])})

    @property
    def blocks_build(self) -> bool:
        """Whether the input is such that nothing may be read."""
        return not all(self.images.values()) or any(
            count for (_, kind), count in self.counts.items() if kind in BLOCKING
        )

    def to_json(self) -> bytes:
        """The input_report as the note that the launcher reads."""
        findings = [
            [split, kind, count, self.examples[split, kind]]
            for (split, kind), count in sorted(self.counts.items())
        ]
        return json.dumps({'images': self.images, 'findings': findings}).encode()

    @classmethod
    def from_json(cls, note: bytes) -> 'InputReport':
        """Reads what ``to_json`` wrote."""
        content = json.loads(note)
        input_report = cls(content['images'], {}, {})
        for split, kind, count, examples in content['findings']:
            input_report.counts[split, kind] = count
            input_report.examples[split, kind] = tuple(examples)
        return input_report


def merge_reports(reports: Iterable[InputReport]) -> InputReport:
    """Adds up reports; the order they come in makes no difference."""
    merged = InputReport({}, {}, {})
    for input_report in reports:
        for split, images in input_report.images.items():
            merged.images[split] = merged.images.get(split, 0) + images
        for key, count in input_report.counts.items():
            merged.counts[key] = merged.counts.get(key, 0) + count
            cases = merged.examples.get(key, ()) + input_report.examples[key]
            merged.examples[key] = tuple(sorted(cases)[:EXAMPLES])
    return merged


class MergeReports(beam.PTransform):
    """Merges every step's findings into the one input_report on the whole input."""

    def expand(self, findings):
        return findings | 'Merge findings' >> beam.CombineGlobally(
            merge_reports
        ).with_output_types(InputReport)


def save_input_report(input_report: InputReport, output_directory: str) -> None:
    """Writes the input_report into the working folder."""
    path = input_report_path(output_directory)
    atomic_write(path, input_report.to_json(), output_directory)


class SaveInputReport(beam.PTransform):
    """Writes the input_report into the working folder, for whoever waits for it."""

    def __init__(self, output_directory: str):
        super().__init__()
        self._output_directory = output_directory

    def expand(self, input_report):
        return input_report | 'Write the input_report down' >> beam.Map(
            save_input_report, self._output_directory
        )
