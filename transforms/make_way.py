"""Takes away what an earlier build left, once it is certain that this one goes on.

Shards of two builds in one directory would look like one data set: if a shard is
not written, none of another build may stand in its place.
"""

from collections.abc import Sequence

import apache_beam as beam

from transforms import files
from transforms.summarize import missing_path, rejected_path
from transforms.verdict import Verdict
from transforms.write_tfrecord import is_shard_of


def make_way(verdict: Verdict, splits: Sequence[str], output_directory: str) -> Verdict:
    """Deletes the shards and lists of these splits, if the verdict is good.

    Returns:
      The verdict, for the steps that may only start after this.

    Raises:
      OSError: a file cannot be deleted.
    """
    if not verdict.is_bad:
        for file in files.list_folder(output_directory).files:
            name = files.show_name(file)
            if any(is_shard_of(name, split) for split in splits):
                files.delete(files.join(output_directory, name))
        for split in splits:
            files.delete(missing_path(output_directory, split))
            files.delete(rejected_path(output_directory, split))
    return verdict


class MakeWay(beam.PTransform):
    """Passes the one ``Verdict`` on when the output directory is ready for shards."""

    def __init__(self, splits: Sequence[str], output_directory: str):
        super().__init__()
        self._splits = tuple(splits)
        self._output_directory = output_directory

    def expand(self, verdict):
        return verdict | 'Delete shards of an earlier build' >> beam.Map(
            make_way, self._splits, self._output_directory
        ).with_output_types(Verdict)
