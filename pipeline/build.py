"""The whole job on one page: from folders or archives to indexed TFRecords.

    paths ─► image refs ─► rows ──────────► (shard, rows) ─► records ─► shard files
             listed on     joined with the   grouped;        read and    each renamed
             the workers   index table,      checked, all    encoded,    into place when
                           a side input      in one report   in order    complete; the
                                                 │                       manifest comes
                                                 └─► finished shards ─►  last

Image bytes are read after the last shuffle: only rows, some 16 to 30 bytes per image,
go through a group-by-key.
"""

import dataclasses
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.pvalue import AsSingleton

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.encode_shards import (
    SKIP,
    EncodeShards,
    ImagePolicy,
)
from indexed_imagenet.transforms.find_duplicates import FindDuplicates
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.example_encoder import Label
from indexed_imagenet.transforms.index_table import ReadIndexTable
from indexed_imagenet.transforms.input_report import MergeReports, SaveInputReport
from indexed_imagenet.transforms.inputs.sources import Sources
from indexed_imagenet.transforms.join_index import JoinIndex
from indexed_imagenet.transforms.list_images import ListImages
from indexed_imagenet.transforms.plan_shards import PlanShards
from indexed_imagenet.transforms.prepare_output import PrepareOutput
from indexed_imagenet.transforms.shuffle_rows import ShuffleRows
from indexed_imagenet.transforms.write_manifest import WriteManifest
from indexed_imagenet.transforms.write_tfrecord import WriteToTFRecord


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """One split to build.

    Attributes:
      name: ``train`` or ``validation``.
      sources: where its images are.
      build_id: what distinguishes this build from others, the shuffle included.
    """

    name: str
    sources: Sources
    build_id: BuildId

    @property
    def directory(self) -> str:
        """What the images' paths are relative to, an absolute path or a URL."""
        return self.sources.directory

    @property
    def shown(self) -> str:
        """What to call its input in messages."""
        return self.sources.shown


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """Everything that the graph is made from.

    Attributes:
      splits: what to build.
      labels: the class of each label, from 0.
      index_file: the npz file of names and labels.
      output_directory: where shards go.
      policy: how images are checked.
      overwrite: whether another build of the same splits there is deleted.
      check_kept: whether finished shards are read before they are kept.
    """

    splits: Sequence[Split]
    labels: Sequence[Label]
    index_file: str
    output_directory: str
    policy: ImagePolicy
    overwrite: bool
    check_kept: bool = False


class PlanSplit(beam.PTransform):
    """Finds the images of a split and the shard of each; reads none of them.

    Outputs ``grouped``, (shard, blocks of rows), and ``issues``, ``InputReport``s.
    """

    def __init__(self, split: Split, job: Job):
        super().__init__()
        self._split = split
        self._job = job

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, beam.PCollection]:
        split = self._split.name
        synsets = [label.synset for label in self._job.labels]

        table = begin | 'Read the index' >> ReadIndexTable(self._job.index_file, split)
        listed = begin | 'List images' >> ListImages(
            self._split.directory,
            split,
            self._split.sources.sources,
            [synset.encode() for synset in synsets],
        )
        joined = listed.refs | 'Join with the index' >> JoinIndex(
            AsSingleton(table), synsets, split
        )
        shuffle = self._split.build_id.shuffle
        shuffled = joined.rows | 'Shuffle rows' >> ShuffleRows(shuffle)
        duplicates = shuffled | 'Find duplicates' >> FindDuplicates(split)
        grouped = shuffled | 'Group rows by shard' >> beam.GroupByKey()
        issues = (
            listed.issues,
            joined.issues,
            duplicates,
        ) | 'Collect issues' >> beam.Flatten()
        return {'grouped': grouped, 'issues': issues}


class BuildSplit(beam.PTransform):
    """Makes the shards of a split that are not finished, unless the input is bad."""

    def __init__(self, split: Split, job: Job, report: AsSingleton):
        super().__init__()
        self._split = split
        self._job = job
        self._report = report

    def expand(self, grouped: beam.PCollection) -> beam.PCollection:
        split, job = self._split, self._job
        build_id, output = split.build_id, job.output_directory

        shards = grouped | 'Plan shards' >> PlanShards(
            build_id,
            output,
            job.policy.check,
            self._report,
            directory=split.directory,
            labels=job.labels,
            skip_bad=job.policy.bad_images == SKIP,
            check_kept=job.check_kept,
        )
        written = (
            shards.plans
            | 'Encode examples'
            >> EncodeShards(split.directory, job.labels, build_id.digest, job.policy)
            | 'Write TFRecords'
            >> WriteToTFRecord(
                storage.join(output, split.name), build_id.shuffle.num_shards
            )
        )
        reports = (shards.reports, written) | 'Collect shard reports' >> beam.Flatten()
        return reports | 'Write the manifest' >> WriteManifest(
            build_id, output, job.index_file, job.policy.max_bad_fraction
        )


def build_graph(pipeline: beam.Pipeline, job: Job) -> None:
    """Adds the job's steps to a pipeline."""
    plans = {
        split: pipeline | f'Plan {split.name}' >> PlanSplit(split, job)
        for split in job.splits
    }
    report = (
        [plan['issues'] for plan in plans.values()]
        | 'Collect issues of all splits' >> beam.Flatten()
        | 'Merge into one report' >> MergeReports()
    )
    output_ready = report | 'Prepare the output directory' >> PrepareOutput(
        [split.build_id for split in job.splits],
        job.output_directory,
        job.overwrite,
        job.check_kept,
    )
    output_ready | 'Save the input report' >> SaveInputReport(job.output_directory)
    for split, plan in plans.items():
        plan['grouped'] | f'Build {split.name}' >> BuildSplit(
            split, job, AsSingleton(output_ready)
        )
