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

from indexed_imagenet.transforms.formats.build_id import Identity
from indexed_imagenet.transforms.formats.layout import (
    identity_path,
    shard_record_path,
    split_folder,
    write_whole,
)
from indexed_imagenet.transforms.formats.manifest import (
    Manifest,
    manifest_path,
    read_manifest,
)
from indexed_imagenet.transforms.formats.offsets import (
    Locator,
    locator_path,
    read_locator,
)
from indexed_imagenet.transforms.formats.shard_info import ShardRecord
from indexed_imagenet.transforms.input_report import FEWER, Verdict, merge_verdicts
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.write_manifest import missing_path, rejected_path
from indexed_imagenet.transforms.write_tfrecord import is_shard_of, shard_names


class BuildPlan(NamedTuple):
    """What a directory was built, or was going to be built, from.

    Attributes:
      identity: of the build.
      images: how many it had.
    """

    identity: Identity
    images: int


def read_plan(output_directory: str, split: str) -> BuildPlan | None:
    """What a split in a directory was built from, None if nothing there tells.

    Raises:
      OSError: it cannot be read.
      ValueError: what says so is damaged.
    """
    manifest = read_manifest(output_directory, split)
    if manifest is not None:
        return BuildPlan(manifest.identity, manifest.examples + len(manifest.skipped))
    path = identity_path(output_directory, split)
    if files.size(path) is None:
        return None
    try:
        fields = json.loads(files.read_bytes(path))
        return BuildPlan(Identity.from_dict(fields['identity']), int(fields['images']))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f'{path} is no identity of a build: {error}') from error


def _write_plan(plan: BuildPlan, output_directory: str) -> None:
    path = identity_path(output_directory, plan.identity.split)
    fields = {'identity': plan.identity.to_dict(), 'images': plan.images}
    content = json.dumps(fields).encode()
    write_whole(path, content, output_directory, flushed=True)
    files.flush_folder(files.parent(path))


def list_shards(output_directory: str, split: str) -> list[str]:
    """The names of the shard files of a split in a directory, of whatever number."""
    names = map(files.show_name, files.list_folder(output_directory).files)
    return sorted(name for name in names if is_shard_of(name, split))


def records_of(manifest: Manifest, locator: Locator) -> dict[str, ShardRecord]:
    """The records of the shards of a finished data set, by name."""
    identity = manifest.identity.digest
    converted: dict[int, list] = {}
    for entry in manifest.converted:
        converted.setdefault(int(locator.shard[entry.index]), []).append(entry)
    return {
        entry.name: ShardRecord(
            identity,
            entry.rows,
            manifest.check,
            tuple(converted.get(shard, [])),
            locator.in_shard(shard),
        )
        for shard, entry in enumerate(manifest.shards)
    }


def _take_up(manifest: Manifest, output_directory: str) -> None:
    """Notes the record of each shard that the manifest vouches for."""
    split = manifest.identity.split
    path = locator_path(output_directory, split)
    if files.size(path) is None:
        return  # then no shard is known to be finished
    try:
        records = records_of(manifest, read_locator(path))
    except (ValueError, IndexError):
        return
    digests = {entry.name: entry.digest for entry in manifest.shards}
    for name, record in records.items():
        if record.digest == digests[name]:
            path = shard_record_path(output_directory, split, name)
            write_whole(path, record.to_json(), output_directory)


def make_way_for(plan: BuildPlan, output_directory: str, overwrite: bool) -> None:
    """Makes the directory ready for the shards of one build of a split.

    Args:
      plan: of that build.
      output_directory: where shards go.
      overwrite: whether another build of the split is deleted.

    Raises:
      RuntimeError: there is another build, and it is not to be deleted.
      OSError: a file cannot be deleted or written.
    """
    identity = plan.identity
    split = identity.split
    shards = set(list_shards(output_directory, split))
    foreign = shards - set(shard_names(split, identity.num_shards))
    found = _try_to_read_plan(output_directory, split)
    is_other = found is None or found.identity != identity
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
    for path in (manifest, locator_path(output_directory, split)):
        files.delete(path)
    if is_other:
        foreign = shards
        files.delete_folder(split_folder(output_directory, split))
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


def find_fewer(plan: BuildPlan, output_directory: str) -> Verdict:
    """Says so if a build has lost images since its directory was last built.

    An image disk that is not mounted, or a wrong directory, would else turn a
    finished data set into a poor one.
    """
    split = plan.identity.split
    found = _try_to_read_plan(output_directory, split)
    if found is None or found.identity != plan.identity or found.images <= plan.images:
        return Verdict({}, {}, {})
    key = (split, FEWER)
    case = f'{plan.images:,} now, {found.images:,} then'
    return Verdict({}, {key: found.images - plan.images}, {key: (case,)})


def make_way(
    verdict: Verdict,
    identities: Sequence[Identity],
    output_directory: str,
    overwrite: bool,
) -> Verdict:
    """Makes the directory ready for all splits, if the verdict is good.

    Returns:
      The verdict, for the steps that may only start after this: a bad one if
      images have been lost, and nothing is to be overwritten.
    """
    if verdict.is_bad:
        return verdict
    plans = [BuildPlan(i, verdict.images[i.split]) for i in identities]
    if not overwrite:
        found = [find_fewer(plan, output_directory) for plan in plans]
        verdict = merge_verdicts([verdict, *found])
        if verdict.is_bad:
            return verdict
    for plan in plans:
        make_way_for(plan, output_directory, overwrite)
    return verdict


class MakeWay(beam.PTransform):
    """Passes the one ``Verdict`` on when the output directory is ready for shards."""

    def __init__(
        self, identities: Sequence[Identity], output_directory: str, overwrite: bool
    ):
        super().__init__()
        self._arguments = (tuple(identities), output_directory, overwrite)

    def expand(self, verdict):
        return verdict | 'Take up or delete an earlier build' >> beam.Map(
            make_way, *self._arguments
        ).with_output_types(Verdict)
