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

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.pvalue import AsSingleton

from indexed_imagenet.preflight.verify_inputs import SplitCheck
from indexed_imagenet.transforms.index_table import ReadIndexTable
from indexed_imagenet.transforms.verify.shard import VerifyShards
from indexed_imagenet.transforms.verify.split import VerifySplit


def build_graph(pipeline: beam.Pipeline, checks: Sequence[SplitCheck]) -> None:
    """Adds the job's steps to a pipeline.

    Args:
      pipeline: gets the steps.
      checks: one per split.
    """
    for check in checks:
        split = check.rules.split
        table = None
        if check.index_file:
            read = ReadIndexTable(check.index_file, split)
            table = AsSingleton(pipeline | f'Read the index of {split}' >> read)
        (
            pipeline
            | f'Name the shards of {split}' >> beam.Create(check.tasks)
            | f'Verify each shard of {split}' >> VerifyShards(check.record_rules, table)
            | f'Verify {split}' >> VerifySplit(check.rules, check.report)
        )
