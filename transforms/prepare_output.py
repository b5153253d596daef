"""Makes the output directory ready for shards, once it is certain that they come.

What belongs to the same build is reused: a finished data set becomes entries of
finished shards again, so that each of them is kept or made again. What belongs to
another build of the split is deleted; the launcher has let that pass only if it was
told to. Shards whose build is unknown stay if they are going to be checked. The manifest
goes before anything else is touched.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import apache_beam as beam

from indexed_imagenet.text import printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.build_plan import (
    BuildPlan,
    read_build_plan,
    write_build_plan,
)
from indexed_imagenet.transforms.formats.image_warnings import (
    ImageWarning,
    ImageWarnings,
    warnings_from_csv,
)
from indexed_imagenet.transforms.formats.manifest import Manifest, read_manifest
from indexed_imagenet.transforms.formats.offsets import RecordOffsets, read_offsets
from indexed_imagenet.transforms.formats.shard_info import Converted, ShardInfo
from indexed_imagenet.transforms.input_report import (
    InputReport,
    IssueKind,
    merge_reports,
)
from indexed_imagenet.transforms.storage.atomic import atomic_write


def list_shards(output_directory: str, split: str) -> list[str]:
    """Returns the names of a split's shard files in a directory, of any number."""
    names = map(printable, storage.list_folder(output_directory).files)
    return sorted(name for name in names if layout.is_shard_of(name, split))


def shard_infos(
    manifest: Manifest, offsets: RecordOffsets, warnings: Iterable[ImageWarning] = ()
) -> dict[str, ShardInfo]:
    """Returns the entries of the shards of a finished data set, by name.

    Args:
      manifest: of the data set.
      offsets: of its records.
      warnings: about its images.
    """
    build_id = manifest.build_id.digest
    converted: dict[int, list[Converted]] = {}
    for entry in manifest.converted:
        converted.setdefault(int(offsets.shard[entry.index]), []).append(entry)
    warned: dict[int, list[ImageWarning]] = {}
    for warning in warnings:
        if 0 <= warning.index < len(offsets.shard):
            warned.setdefault(int(offsets.shard[warning.index]), []).append(warning)
    return {
        entry.name: ShardInfo(
            build_id,
            entry.rows,
            manifest.check,
            tuple(converted.get(shard, [])),
            offsets.in_shard(shard),
            ImageWarnings.pack(warned.get(shard, [])),
        )
        for shard, entry in enumerate(manifest.shards)
    }


def _read_warnings(output_directory: str, split: str) -> list[ImageWarning]:
    """Returns the warnings that an earlier build listed: they are nowhere else."""
    path = layout.warnings_path(output_directory, split)
    if storage.size(path) is None:
        return []
    try:
        return warnings_from_csv(storage.read_bytes(path))
    except ValueError:
        return []  # somebody has edited it


def _restore_shard_infos(manifest: Manifest, output_directory: str) -> None:
    """Writes the entry of each shard that the manifest vouches for."""
    split = manifest.build_id.split
    path = layout.offsets_path(output_directory, split)
    if storage.size(path) is None:
        return  # then no shard is known to be finished
    try:
        warnings = _read_warnings(output_directory, split)
        infos = shard_infos(manifest, read_offsets(path), warnings)
    except (ValueError, IndexError):
        return
    digests = {entry.name: entry.digest for entry in manifest.shards}
    for name, info in infos.items():
        if info.digest == digests[name]:
            path = layout.shard_info_path(output_directory, split, name)
            atomic_write(path, info.to_json(), layout.staging_dir(output_directory))


def prepare_split(
    plan: BuildPlan, output_directory: str, overwrite: bool, check_kept: bool = False
) -> None:
    """Makes the directory ready for the shards of one build of a split.

    Args:
      plan: of that build.
      output_directory: where shards go.
      overwrite: whether another build of the split is deleted.
      check_kept: whether shards are read before they are kept.

    Raises:
      RuntimeError: there is another build, and it is not to be deleted.
      OSError: a file cannot be deleted or written.
    """
    build_id = plan.build_id
    split = build_id.split
    shards = set(list_shards(output_directory, split))
    foreign = shards - set(layout.shard_names(split, build_id.shuffle.num_shards))
    found = _try_to_read_plan(output_directory, split)
    is_other = found.build_id != build_id if found else not check_kept
    manifest_path = layout.manifest_path(output_directory, split)
    if (shards if is_other else foreign) and not overwrite:
        raise RuntimeError(  # it appeared after the launcher had looked
            f'{output_directory} holds another build of {split}; choose another '
            'directory, or delete it with --overwrite'
        )
    if not is_other:
        # First, so that whatever stops this run, the next one knows whose shards
        # these are.
        if found:
            plan = _carry_rejected(plan, found)
        write_build_plan(plan, output_directory)
        manifest = read_manifest(output_directory, split) if found else None
        if manifest is not None:
            _restore_shard_infos(manifest, output_directory)
    for path in (
        manifest_path,
        layout.offsets_path(output_directory, split),
        layout.offsets_path_before_0_2(output_directory, split),
        layout.scores_path(output_directory, split),
    ):
        storage.delete(path)
    if is_other:
        foreign = shards
        storage.delete_folder(layout.split_staging_dir(output_directory, split))
    for name in sorted(foreign):
        storage.delete(storage.join(output_directory, name))
    lists = (layout.missing_path, layout.rejected_path, layout.warnings_path)
    for path_of in lists:
        storage.delete(path_of(output_directory, split))
    if is_other:
        write_build_plan(plan, output_directory)


def _try_to_read_plan(output_directory: str, split: str) -> BuildPlan | None:
    try:
        return read_build_plan(output_directory, split)
    except ValueError:
        return None


def _carry_rejected(plan: BuildPlan, found: BuildPlan) -> BuildPlan:
    """Returns the plan with the bad images that are still to be expected."""
    removed = max(0, found.images - plan.images)
    return dataclasses.replace(plan, rejected=max(0, found.rejected - removed))


def find_shrunk(plan: BuildPlan, output_directory: str) -> InputReport:
    """Reports images lost since the directory was last built.

    An image disk that is not mounted, or a wrong directory, would otherwise turn a
    finished data set into a poor one. Bad images are not missed.
    """
    split = plan.build_id.split
    found = _try_to_read_plan(output_directory, split)
    if found is None or found.build_id != plan.build_id:
        return InputReport()
    if found.images - found.rejected <= plan.images:
        return InputReport()
    key = (split, IssueKind.SHRUNK)
    case = f'{plan.images:,} now, {found.images:,} then'
    if found.rejected:
        case += f', {found.rejected:,} of them bad'
    return InputReport({}, {key: found.images - plan.images}, {key: (case,)})


def prepare_output(
    report: InputReport,
    build_ids: Sequence[BuildId],
    output_directory: str,
    overwrite: bool,
    check_kept: bool = False,
) -> InputReport:
    """Makes the directory ready for all splits, unless the report blocks the build.

    Returns:
      The report, for the steps that may only start after this: a blocking one if
      images have been lost, and nothing is to be overwritten.
    """
    if report.blocks_build:
        return report
    plans = [BuildPlan(build_id, report.images[build_id.split]) for build_id in build_ids]
    if not overwrite:
        found = [find_shrunk(plan, output_directory) for plan in plans]
        report = merge_reports([report, *found])
        if report.blocks_build:
            return report
    for plan in plans:
        prepare_split(plan, output_directory, overwrite, check_kept)
    return report


class PrepareOutput(beam.PTransform):
    """Passes the one ``InputReport`` on when the output directory is ready for shards."""

    def __init__(
        self,
        build_ids: Sequence[BuildId],
        output_directory: str,
        overwrite: bool,
        check_kept: bool = False,
    ):
        super().__init__()
        self._arguments = (tuple(build_ids), output_directory, overwrite, check_kept)

    def expand(self, report: beam.PCollection) -> beam.PCollection:
        return report | 'Reuse or delete an earlier build' >> beam.Map(
            prepare_output, *self._arguments
        ).with_output_types(InputReport)
