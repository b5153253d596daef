"""The whole of ``verify`` on one page: from shard files to a report per split.

    shard files ─► findings of each ─────► findings of the split ─► report
                   one element per shard,   each index once, none
                   record by record         missing, manifest and
                      ▲                     offsets as found
                      │ a side input
                   index table

The job reads what a build or any other tool has written. Without a manifest or an
index file it checks what it can and reports what it could not compare.
"""

import dataclasses
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.pvalue import AsSingleton

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.index_table import ReadIndexTable
from indexed_imagenet.transforms.verify.findings import ShardTask
from indexed_imagenet.transforms.verify.record import RecordSpec
from indexed_imagenet.transforms.verify.shard import VerifyShards
from indexed_imagenet.transforms.verify.split import SplitSpec, VerifySplit


@dataclasses.dataclass(frozen=True, slots=True)
class SplitCheck:
    """One split to check.

    Attributes:
      spec: what it is compared with as a whole.
      record_spec: what each of its records is compared with.
      tasks: its shards.
      index_file: names and labels, None if they are not to be compared.
      report: where the report goes; notes on progress go into the same folder.
    """

    spec: SplitSpec
    record_spec: RecordSpec
    tasks: tuple[ShardTask, ...]
    index_file: str | None
    report: str


def build_graph(pipeline: beam.Pipeline, checks: Sequence[SplitCheck]) -> None:
    """Adds the job's steps to a pipeline.

    Args:
      pipeline: gets the steps.
      checks: one per split.
    """
    for check in checks:
        split = check.spec.split
        table = None
        notes_folder = storage.parent(check.report)
        if check.index_file:
            read = ReadIndexTable(check.index_file, split)
            table = AsSingleton(pipeline | f'Read the index of {split}' >> read)
        (
            pipeline
            | f'Name the shards of {split}' >> beam.Create(check.tasks)
            | f'Verify each shard of {split}'
            >> VerifyShards(check.record_spec, table, notes_folder)
            | f'Verify {split}' >> VerifySplit(check.spec, check.report)
        )
