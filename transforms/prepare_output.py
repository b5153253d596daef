"""Makes the output directory ready for shards, once it is certain that they come.

What belongs to the same build is taken up: a finished data set becomes records
of finished shards again, so that each of them is kept or made anew. What belongs
to another build of the split is deleted; the launcher has let that pass only if
it was told to. The manifest goes before anything else is touched.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import apache_beam as beam

from indexed_imagenet.text import printable
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.layout import (
    atomic_write,
    build_plan_path,
    shard_info_path,
    split_staging_dir,
)
from indexed_imagenet.transforms.formats.manifest import (
    Manifest,
    manifest_path,
    read_manifest,
)
from indexed_imagenet.transforms.formats.offsets import (
    RecordOffsets,
    offsets_path,
    read_offsets,
)
from indexed_imagenet.transforms.formats.shard_info import ShardInfo
from indexed_imagenet.transforms.input_report import SHRUNK, InputReport, merge_reports
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.write_manifest import missing_path, rejected_path
from indexed_imagenet.transforms.write_tfrecord import is_shard_of, shard_names


class BuildPlan(NamedTuple):
    """What a directory was built, or was going to be built, from.

    Attributes:
      build_id: of the build.
      images: how many it had.
    """

    build_id: BuildId
    images: int


def read_plan(output_directory: str, split: str) -> BuildPlan | None:
    """What a split in a directory was built from, None if nothing there tells.

    Raises:
      OSError: it cannot be read.
      ValueError: what says so is damaged.
    """
    manifest = read_manifest(output_directory, split)
    if manifest is not None:
        return BuildPlan(manifest.build_id, manifest.examples + len(manifest.skipped))
    path = build_plan_path(output_directory, split)
    if files.size(path) is None:
        return None
    try:
        fields = json.loads(files.read_bytes(path))
        return BuildPlan(BuildId.from_dict(fields['identity']), int(fields['images']))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f'{path} is no build_id of a build: {error}') from error


def _write_plan(plan: BuildPlan, output_directory: str) -> None:
    path = build_plan_path(output_directory, plan.build_id.split)
    fields = {'identity': plan.build_id.to_dict(), 'images': plan.images}
    content = json.dumps(fields).encode()
    atomic_write(path, content, output_directory, durable=True)
    files.fsync_dir(files.parent(path))


def list_shards(output_directory: str, split: str) -> list[str]:
    """The names of the shard files of a split in a directory, of whatever number."""
    names = map(printable, files.list_folder(output_directory).files)
    return sorted(name for name in names if is_shard_of(name, split))


def records_of(manifest: Manifest, offsets: RecordOffsets) -> dict[str, ShardInfo]:
    """The records of the shards of a finished data set, by name."""
    build_id = manifest.build_id.digest
    converted: dict[int, list] = {}
    for entry in manifest.converted:
        converted.setdefault(int(offsets.shard[entry.index]), []).append(entry)
    return {
        entry.name: ShardInfo(
            build_id,
            entry.rows,
            manifest.check,
            tuple(converted.get(shard, [])),
            offsets.in_shard(shard),
        )
        for shard, entry in enumerate(manifest.shards)
    }


def _take_up(manifest: Manifest, output_directory: str) -> None:
    """Notes the record of each shard that the manifest vouches for."""
    split = manifest.build_id.split
    path = offsets_path(output_directory, split)
    if files.size(path) is None:
        return  # then no shard is known to be finished
    try:
        records = records_of(manifest, read_offsets(path))
    except (ValueError, IndexError):
        return
    digests = {entry.name: entry.digest for entry in manifest.shards}
    for name, record in records.items():
        if record.digest == digests[name]:
            path = shard_info_path(output_directory, split, name)
            atomic_write(path, record.to_json(), output_directory)


def prepare_split(plan: BuildPlan, output_directory: str, overwrite: bool) -> None:
    """Makes the directory ready for the shards of one build of a split.

    Args:
      plan: of that build.
      output_directory: where shards go.
      overwrite: whether another build of the split is deleted.

    Raises:
      RuntimeError: there is another build, and it is not to be deleted.
      OSError: a file cannot be deleted or written.
    """
    build_id = plan.build_id
    split = build_id.split
    shards = set(list_shards(output_directory, split))
    foreign = shards - set(shard_names(split, build_id.num_shards))
    found = _try_to_read_plan(output_directory, split)
    is_other = found is None or found.build_id != build_id
    manifest = manifest_path(output_directory, split)
    if (shards if is_other else foreign) and not overwrite:
        raise RuntimeError(  # it came after the launcher had looked
            f'{output_directory} holds another build of {split}; choose another '
            'directory, or have it deleted'
        )
    if not is_other:
        # First, so that whatever ends this run, the next one knows whose shards
        # these are.
        _write_plan(plan, output_directory)
        if files.size(manifest) is not None:
            _take_up(read_manifest(output_directory, split), output_directory)
    for path in (manifest, offsets_path(output_directory, split)):
        files.delete(path)
    if is_other:
        foreign = shards
        files.delete_folder(split_staging_dir(output_directory, split))
    for name in sorted(foreign):
        files.delete(files.join(output_directory, name))
    for path in (missing_path, rejected_path):
        files.delete(path(output_directory, split))
    if is_other:
        _write_plan(plan, output_directory)


def _try_to_read_plan(output_directory: str, split: str) -> BuildPlan | None:
    try:
        return read_plan(output_directory, split)
    except ValueError:
        return None


def find_shrunk(plan: BuildPlan, output_directory: str) -> InputReport:
    """Says so if a build has lost images since its directory was last built.

    An image disk that is not mounted, or a wrong directory, would else turn a
    finished data set into a poor one.
    """
    split = plan.build_id.split
    found = _try_to_read_plan(output_directory, split)
    if found is None or found.build_id != plan.build_id or found.images <= plan.images:
        return InputReport({}, {}, {})
    key = (split, SHRUNK)
    case = f'{plan.images:,} now, {found.images:,} then'
    return InputReport({}, {key: found.images - plan.images}, {key: (case,)})


def prepare_output(
    input_report: InputReport,
    build_ids: Sequence[BuildId],
    output_directory: str,
    overwrite: bool,
) -> InputReport:
    """Makes the directory ready for all splits, if the input_report is good.

    Returns:
      The input_report, for the steps that may only start after this: a bad one if
      images have been lost, and nothing is to be overwritten.
    """
    if input_report.blocks_build:
        return input_report
    plans = [BuildPlan(i, input_report.images[i.split]) for i in build_ids]
    if not overwrite:
        found = [find_shrunk(plan, output_directory) for plan in plans]
        input_report = merge_reports([input_report, *found])
        if input_report.blocks_build:
            return input_report
    for plan in plans:
        prepare_split(plan, output_directory, overwrite)
    return input_report


class PrepareOutput(beam.PTransform):
    """Passes the one ``InputReport`` on when the output directory is ready for shards."""

    def __init__(
        self, build_ids: Sequence[BuildId], output_directory: str, overwrite: bool
    ):
        super().__init__()
        self._arguments = (tuple(build_ids), output_directory, overwrite)

    def expand(self, input_report):
        return input_report | 'Take up or delete an earlier build' >> beam.Map(
            prepare_output, *self._arguments
        ).with_output_types(InputReport)
