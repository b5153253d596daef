"""What was found out about the input before any image is read.

Every step that can tell that something is wrong says so in a ``Verdict`` of
its own; merged, they are the one verdict that decides whether images are read
at all. A verdict stays small whatever goes wrong: exact counts, and the first
few cases of each kind by name.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

import apache_beam as beam

from indexed_imagenet.transforms.formats.layout import verdict_path, write_whole

# Kinds of finding. Any but the last stops the build.
UNLISTED = 'unlisted'  # a folder that cannot be listed
UNKNOWN = 'unknown'  # an image that the index does not name
MISPLACED = 'misplaced'  # an image in another class's folder
TWICE = 'twice'  # two images for one index
FEWER = 'fewer'  # fewer images than the output directory was built from
LEFT_OUT = 'left out'  # a file or folder that is no image and is not looked at
FAULTS = (UNLISTED, UNKNOWN, MISPLACED, TWICE, FEWER)

EXAMPLES = 5


class Verdict(NamedTuple):
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
    def of(cls, split: str, kind: str, cases: Iterable[str]) -> 'Verdict':
        """A verdict on some cases of one kind."""
        cases = sorted(cases)
        key = (split, kind)
        return cls({}, {key: len(cases)}, {key: tuple(cases[:EXAMPLES])})

    @property
    def is_bad(self) -> bool:
        """Whether the input is such that nothing may be read."""
        return not all(self.images.values()) or any(
            count for (_, kind), count in self.counts.items() if kind in FAULTS
        )

    def to_json(self) -> bytes:
        """The verdict as the note that the launcher reads."""
        findings = [
            [split, kind, count, self.examples[split, kind]]
            for (split, kind), count in sorted(self.counts.items())
        ]
        return json.dumps({'images': self.images, 'findings': findings}).encode()

    @classmethod
    def from_json(cls, note: bytes) -> 'Verdict':
        """Reads what ``to_json`` wrote."""
        content = json.loads(note)
        verdict = cls(content['images'], {}, {})
        for split, kind, count, examples in content['findings']:
            verdict.counts[split, kind] = count
            verdict.examples[split, kind] = tuple(examples)
        return verdict


def merge_verdicts(verdicts: Iterable[Verdict]) -> Verdict:
    """Adds up verdicts; the order they come in makes no difference."""
    merged = Verdict({}, {}, {})
    for verdict in verdicts:
        for split, images in verdict.images.items():
            merged.images[split] = merged.images.get(split, 0) + images
        for key, count in verdict.counts.items():
            merged.counts[key] = merged.counts.get(key, 0) + count
            cases = merged.examples.get(key, ()) + verdict.examples[key]
            merged.examples[key] = tuple(sorted(cases)[:EXAMPLES])
    return merged


class ReachVerdict(beam.PTransform):
    """Merges every step's findings into the one verdict on the whole input."""

    def expand(self, findings):
        return findings | 'Merge findings' >> beam.CombineGlobally(
            merge_verdicts
        ).with_output_types(Verdict)


def note_verdict(verdict: Verdict, output_directory: str) -> None:
    """Writes the verdict into the working folder."""
    path = verdict_path(output_directory)
    write_whole(path, verdict.to_json(), output_directory)


class NoteVerdict(beam.PTransform):
    """Writes the verdict into the working folder, for whoever waits for it."""

    def __init__(self, output_directory: str):
        super().__init__()
        self._output_directory = output_directory

    def expand(self, verdict):
        return verdict | 'Write the verdict down' >> beam.Map(
            note_verdict, self._output_directory
        )
