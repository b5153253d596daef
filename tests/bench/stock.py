"""The same pipeline with Beam's own `WriteToTFRecord`, to compare with.

    python tests/bench/stock.py build [flags of a build]

It replaces our last two steps: it gets only the serialized examples, sends them
through a group-by-key of its own, and renames all files at the end.
"""

import sys

import apache_beam as beam

from indexed_imagenet import build
from indexed_imagenet.cli import main
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.elements import Record
from indexed_imagenet.transforms.encode_shards import EncodeShards
from indexed_imagenet.transforms.plan_shards import PlanShards


def payloads(element) -> list[bytes]:
    """Returns the serialized example of a record, and nothing for an end mark."""
    return [element.payload] if isinstance(element, Record) else []


class StockBuildSplit(build.BuildSplit):
    """Writes the examples of a split with Beam's own writer."""

    def expand(self, grouped):
        split, job = self._split, self._job
        build_id = split.build_id
        shards = grouped | 'Plan shards' >> PlanShards(
            build_id, job.output_directory, job.policy.check, self._report
        )
        return (
            shards.plans
            | 'Encode examples'
            >> EncodeShards(split.directory, job.labels, build_id.digest, job.policy)
            | 'Take the payloads' >> beam.FlatMap(payloads).with_output_types(bytes)
            | 'Write TFRecords'
            >> beam.io.WriteToTFRecord(
                storage.join(job.output_directory, split.name),
                num_shards=build_id.shuffle.num_shards,
            )
        )


if __name__ == '__main__':
    build.BuildSplit = StockBuildSplit
    # Without our last step there is no summary to print.
    from indexed_imagenet.cli import build

    build.print_summary = lambda *arguments: None
    sys.exit(main.main(sys.argv[1:]))
