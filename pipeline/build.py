"""The whole job on one page: from image folders to indexed TFRecords.

    paths ─► image refs ─► rows ──────────► (shard, rows) ─► records ─► shard files
             listed on     joined with the   grouped;        read and    written when
             the workers   index table,      checked, all    encoded,    whole, each
                           a side input      in one verdict  in order    one reported

Image bytes are read after the last shuffle: only rows, some 16 bytes an image,
go through a group-by-key.
"""

import dataclasses
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.pvalue import AsSingleton

from transforms import files
from transforms.check_rows import CheckRows
from transforms.encode_example import Label
from transforms.encode_shards import EncodeShards
from transforms.index_table import ReadIndexTable
from transforms.join_index import JoinIndex
from transforms.list_images import ListImages
from transforms.make_way import MakeWay
from transforms.place_rows import Placement, PlaceRows
from transforms.summarize import WriteSummary
from transforms.verdict import NoteVerdict, ReachVerdict
from transforms.write_tfrecord import WriteToTFRecord


@dataclasses.dataclass(frozen=True)
class Split:
    """One split to build.

    Attributes:
      name: ``train`` or ``validation``.
      directory: class folders or images, an absolute path or a URL.
      placement: the seeded shuffle of its examples into shards.
    """

    name: str
    directory: str
    placement: Placement


@dataclasses.dataclass(frozen=True)
class Job:
    """All that the graph is made from.

    Attributes:
      splits: what to build.
      labels: the class of each label, from 0.
      index_file: the npz file of names and labels.
      output_directory: where shards go.
    """

    splits: Sequence[Split]
    labels: Sequence[Label]
    index_file: str
    output_directory: str


class PlanSplit(beam.PTransform):
    """Finds the images of a split and the place of each; reads none of them.

    Outputs ``grouped``, (shard, blocks of rows), and ``findings``, ``Verdict``s.
    """

    def __init__(self, split: Split, job: Job):
        super().__init__()
        self._split = split
        self._job = job

    def expand(self, begin):
        split = self._split.name
        synsets = [label.synset for label in self._job.labels]

        table = begin | 'Read the index' >> ReadIndexTable(self._job.index_file, split)
        listed = begin | 'List images' >> ListImages(self._split.directory, split)
        joined = listed.refs | 'Join with the index' >> JoinIndex(
            AsSingleton(table), synsets, split
        )
        placed = joined.rows | 'Place in shards' >> PlaceRows(self._split.placement)
        checked = placed | 'Check rows' >> CheckRows(split)
        grouped = placed | 'Group rows by shard' >> beam.GroupByKey()
        findings = (
            listed.findings,
            joined.findings,
            checked,
        ) | 'Gather findings' >> beam.Flatten()
        return {'grouped': grouped, 'findings': findings}


class BuildSplit(beam.PTransform):
    """Reads, encodes and writes the images of a split, if the verdict is good."""

    def __init__(self, split: Split, job: Job, verdict: AsSingleton):
        super().__init__()
        self._split = split
        self._job = job
        self._verdict = verdict

    def expand(self, grouped):
        split, job = self._split, self._job
        num_shards = split.placement.num_shards
        return (
            grouped
            | 'Encode examples'
            >> EncodeShards(split.directory, split.placement, job.labels, self._verdict)
            | 'Write TFRecords'
            >> WriteToTFRecord(files.join(job.output_directory, split.name), num_shards)
            | 'Sum up'
            >> WriteSummary(split.name, job.output_directory, num_shards, job.index_file)
        )


def build_graph(pipeline: beam.Pipeline, job: Job) -> None:
    """Adds the job's steps to a pipeline."""
    plans = {
        split: pipeline | f'Plan {split.name}' >> PlanSplit(split, job)
        for split in job.splits
    }
    verdict = (
        [plan['findings'] for plan in plans.values()]
        | 'Gather findings of all splits' >> beam.Flatten()
        | 'Reach one verdict' >> ReachVerdict()
    )
    verdict | 'Note the verdict' >> NoteVerdict(job.output_directory)
    way_is_free = verdict | 'Make way' >> MakeWay(
        [split.name for split in job.splits], job.output_directory
    )
    for split, plan in plans.items():
        plan['grouped'] | f'Build {split.name}' >> BuildSplit(
            split, job, AsSingleton(way_is_free)
        )
