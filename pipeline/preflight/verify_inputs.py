"""Finds what ``verify`` has to check, before the job starts."""

import dataclasses
from collections.abc import Sequence

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.of_index import labels_of_index
from indexed_imagenet.preflight.existing_output import was_built_before_0_2
from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.build_id import digest_index, digest_labels
from indexed_imagenet.transforms.formats.example_encoder import Label
from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    read_split_index,
)
from indexed_imagenet.transforms.formats.manifest import (
    Manifest,
    ShardEntry,
    read_manifest,
)
from indexed_imagenet.transforms.formats.tfrecord import OVERHEAD
from indexed_imagenet.transforms.prepare_output import list_shards
from indexed_imagenet.transforms.verify.fault import Fault
from indexed_imagenet.transforms.verify.findings import ShardTask
from indexed_imagenet.transforms.verify.record import RecordSpec
from indexed_imagenet.transforms.verify.split import SplitSpec
from indexed_imagenet.verify import SplitCheck

_UNFINISHED = 'the build is unfinished; run its command again'


@dataclasses.dataclass(frozen=True, slots=True)
class VerifyFlags:
    """The flags of ``verify``.

    Attributes:
      directory: where the shards are, absolute or a URL.
      split: the one to check, None for all.
      imagenet_index_file: names and labels, None if they are not to be compared.
      labels_file, imagenet_metadata_file: as for a build.
      check: how thoroughly images are looked at, one of ``CHECKS``.
    """

    directory: str
    split: str | None
    imagenet_index_file: str | None
    labels_file: str
    imagenet_metadata_file: str
    check: str


def _find_tasks(
    directory: str, split: str, manifest: Manifest | None
) -> tuple[list[ShardTask], list[Fault]]:
    """Returns the shards to check, and what is wrong with their names."""
    faults, tasks = [], []
    present = list_shards(directory, split)
    entries: dict[str, ShardEntry | None]
    if manifest:
        entries = {entry.name: entry for entry in manifest.shards}
        missing, unexpected = 'the manifest lists it', 'those in the manifest'
    else:
        # The number that most of them say, and the least of several.
        numbers = [int(name.rpartition('-of-')[2]) for name in present]
        num_shards = max(sorted(set(numbers)), key=numbers.count)
        entries = dict.fromkeys(layout.shard_names(split, num_shards))
        missing = f'the other files are named -of-{num_shards:05d}'
        unexpected = f'the {num_shards} shards'
    for number, (name, entry) in enumerate(entries.items()):
        path = storage.join(directory, name)
        if name in present:
            tasks.append(ShardTask(path, number, entry))
        else:
            faults.append(Fault(path, f'missing; {missing}'))
    for name in sorted(set(present) - entries.keys()):
        path = storage.join(directory, name)
        faults.append(Fault(path, f'unexpected file (expected only {unexpected})'))
    return tasks, faults


def _read_manifest(directory: str, split: str) -> tuple[Manifest | None, list[Fault]]:
    path = layout.manifest_path(directory, split)
    try:
        manifest = read_manifest(directory, split)
    except ValueError as error:
        what = str(error).removeprefix(path).strip()
        return None, [Fault(path, printable(what))]
    shard_bytes = sum(
        num_bytes
        for name, num_bytes in storage.sizes(directory).items()
        if layout.is_shard_of(name, split)
    )
    if manifest and manifest.examples * OVERHEAD > shard_bytes:
        # No memory is taken for what a stranger's manifest claims.
        what = (
            f'it claims {manifest.examples:,} examples, which {shard_bytes:,} bytes of '
            'shards cannot hold'
        )
        return None, [Fault(path, what)]
    if manifest is None and _is_unfinished(directory, split):
        path = layout.split_staging_dir(directory, split)
        return None, [Fault(path, _UNFINISHED)]
    return manifest, []


def _remedy(manifest: Manifest | None, faults: Sequence[Fault]) -> str:
    """Returns what to do about faults, '' if what was found so far says it."""
    if any(fault.what == _UNFINISHED for fault in faults):
        return ''
    command = 'run the build command again with --check_kept'
    if manifest:
        return f'to repair it, {command}'
    return f'if indexed-imagenet built it, {command} to repair it'


def _is_unfinished(directory: str, split: str) -> bool:
    try:
        listing = storage.list_folder(layout.split_staging_dir(directory, split))
    except OSError:
        return False
    return bool(listing.files)


def plan_check(flags: VerifyFlags, split: str, report: str) -> SplitCheck:
    """Finds everything that is to be checked of a split.

    Raises:
      UserError: the index file or a label file cannot be used.
    """
    directory = flags.directory
    manifest, faults = _read_manifest(directory, split)
    tasks, more = _find_tasks(directory, split, manifest)
    faults += more
    remedy = _remedy(manifest, faults)
    labels = labels_of_index(
        flags.imagenet_index_file, flags.labels_file, flags.imagenet_metadata_file
    )
    known_labels: Sequence[Label] | None = labels
    num_examples = manifest.build_id.shuffle.num_examples if manifest else None
    if flags.imagenet_index_file:
        try:
            index = read_split_index(flags.imagenet_index_file, split)
        except IndexFileError as error:
            raise UserError(str(error)) from error
        num_examples = len(index.names)
        if manifest:
            expected = (manifest.build_id.names, manifest.build_id.labels)
            if digest_index(index) != expected:
                what = (
                    f'it belongs to another index than {flags.imagenet_index_file} '
                    '(expected the same names and labels)'
                )
                faults.append(Fault(layout.manifest_path(directory, split), what))
                remedy = ''
    elif not manifest or manifest.build_id.classes != digest_labels(labels):
        known_labels = None
    return SplitCheck(
        SplitSpec(
            split,
            directory,
            num_examples,
            manifest is not None,
            tuple(faults),
            remedy,
        ),
        RecordSpec(num_examples, known_labels and tuple(known_labels), flags.check),
        tuple(tasks),
        flags.imagenet_index_file,
        report,
    )


def find_splits(flags: VerifyFlags) -> list[str]:
    """Returns the splits to check.

    Raises:
      UserError: there is nothing to check, or an older version wrote it.
    """
    directory = flags.directory
    try:
        splits = [
            split
            for split in layout.SPLITS
            if list_shards(directory, split)
            or storage.size(layout.manifest_path(directory, split)) is not None
        ]
        old = [split for split in splits if was_built_before_0_2(directory, split)]
    except FileNotFoundError:
        raise UserError(f'{directory}: no such directory') from None
    except NotADirectoryError:
        raise UserError(f'{directory} is a file (expected a directory)') from None
    except OSError as error:
        raise UserError(f'{directory} cannot be listed: {error_text(error)}') from error
    if not splits:
        raise UserError(
            f'{directory} holds no shards (train-00000-of-01024, …); give the directory '
            'that a build wrote'
        )
    if flags.split and flags.split not in splits:
        raise UserError(
            f'{directory} holds no {flags.split} shards, only those of {splits[0]}'
        )
    wanted = [flags.split] if flags.split else splits
    if too_old := [split for split in wanted if split in old]:
        raise UserError(
            f'{directory} holds a {too_old[0]} set built before version 0.2 '
            f'({too_old[0]}.index.npz instead of {too_old[0]}.offsets.npz); run the '
            'build command again with --check_kept to keep its shards, or with '
            '--overwrite'
        )
    return wanted
