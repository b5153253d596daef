"""Makes the output directory ready for shards, once it is certain that they come.

What belongs to the same build is taken up: a finished data set becomes records
of finished shards again, so that each of them is kept or made anew. What belongs
to another build of the split is deleted; the launcher has let that pass only if
it was told to. The manifest goes before anything else is touched.
"""

from collections.abc import Sequence

import apache_beam as beam

from transforms import files
from transforms.identity import Identity
from transforms.locator import Locator, locator_path, read_locator
from transforms.manifest import Manifest, manifest_path, read_manifest
from transforms.shard_record import ShardRecord
from transforms.verdict import Verdict
from transforms.working_folder import (
    identity_path,
    shard_record_path,
    split_folder,
    write_whole,
)
from transforms.write_manifest import missing_path, rejected_path
from transforms.write_tfrecord import is_shard_of, shard_names


def read_identity(output_directory: str, split: str) -> Identity | None:
    """The identity of the build of a split that is in a directory, if there is one.

    Raises:
      OSError: it cannot be read.
      ValueError: what says so is damaged.
    """
    manifest = read_manifest(output_directory, split)
    if manifest is not None:
        return manifest.identity
    path = identity_path(output_directory, split)
    if files.size(path) is None:
        return None
    try:
        return Identity.from_json(files.read_bytes(path))
    except ValueError as error:
        raise ValueError(f'{path} is no identity of a build: {error}') from error


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


def make_way_for(identity: Identity, output_directory: str, overwrite: bool) -> None:
    """Makes the directory ready for the shards of one build of a split.

    Args:
      identity: of that build.
      output_directory: where shards go.
      overwrite: whether another build of the split is deleted.

    Raises:
      RuntimeError: there is another build, and it is not to be deleted.
      OSError: a file cannot be deleted or written.
    """
    split = identity.split
    try:
        found = read_identity(output_directory, split)
    except ValueError:
        found = None
    foreign = set(list_shards(output_directory, split)) - set(
        shard_names(split, identity.num_shards)
    )
    is_other = found != identity
    is_mixed = foreign or (is_other and (found or list_shards(output_directory, split)))
    if is_mixed and not overwrite:  # it came after the launcher had looked
        raise RuntimeError(
            f'{output_directory} holds another build of {split}; choose another '
            'directory, or have it deleted'
        )
    manifest = manifest_path(output_directory, split)
    if not is_other and files.size(manifest) is not None:
        _take_up(read_manifest(output_directory, split), output_directory)
    for path in (manifest, locator_path(output_directory, split)):
        files.delete(path)
    if is_other:
        foreign |= set(list_shards(output_directory, split))
        files.delete_folder(split_folder(output_directory, split))
    for name in sorted(foreign):
        files.delete(files.join(output_directory, name))
    for path in (missing_path, rejected_path):
        files.delete(path(output_directory, split))
    path = identity_path(output_directory, split)
    write_whole(path, identity.to_json(), output_directory)


def make_way(
    verdict: Verdict,
    identities: Sequence[Identity],
    output_directory: str,
    overwrite: bool,
) -> Verdict:
    """Makes the directory ready for all splits, if the verdict is good.

    Returns:
      The verdict, for the steps that may only start after this.
    """
    if not verdict.is_bad:
        for identity in identities:
            make_way_for(identity, output_directory, overwrite)
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
