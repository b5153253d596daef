"""Finds what ``verify`` has to check, before the job starts."""

import argparse
import dataclasses
import os
from collections.abc import Sequence

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.options import OneLineParser, is_set, own_flags
from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms.formats.build_id import digest_index, digest_labels
from indexed_imagenet.transforms.formats.index_file import (
    SPLITS,
    IndexFileError,
    read_split_index,
)
from indexed_imagenet.transforms.formats.layout import split_staging_dir
from indexed_imagenet.transforms.formats.manifest import (
    Manifest,
    manifest_path,
    read_manifest,
)
from indexed_imagenet.transforms.formats.shard_info import DECODE, QUICK
from indexed_imagenet.transforms.formats.tfrecord import OVERHEAD
from indexed_imagenet.transforms.prepare_output import list_shards
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.verify.record import RecordSpec
from indexed_imagenet.transforms.verify.shard import Fault, ShardTask
from indexed_imagenet.transforms.verify.split import SplitSpec
from indexed_imagenet.transforms.write_tfrecord import is_shard_of


@dataclasses.dataclass(frozen=True)
class SplitCheck:
    """One split to check.

    Attributes:
      rules: what it is held against as a whole.
      record_rules: what each of its records is.
      tasks: its shards.
      index_file: names and labels, None if they are not to be compared.
      report: where the report goes.
    """

    rules: SplitSpec
    record_rules: RecordSpec
    tasks: tuple[ShardTask, ...]
    index_file: str | None
    report: str


def _find_tasks(
    directory: str, split: str, manifest: Manifest | None
) -> tuple[list[ShardTask], list[Fault]]:
    """The shards to check, and what is wrong with their names."""
    faults, tasks = [], []
    present = list_shards(directory, split)
    if manifest:
        entries = {entry.name: entry for entry in manifest.shards}
        source = 'in the manifest'
    else:
        # The number that most of them say, and the least of several.
        numbers = [int(name.rpartition('-of-')[2]) for name in present]
        number = max(sorted(set(numbers)), key=numbers.count)
        entries = {f'{split}-{i:05d}-of-{number:05d}': None for i in range(number)}
        source = f'of {number} shards'
    for number, (name, entry) in enumerate(entries.items()):
        path = files.join(directory, name)
        if name in present:
            tasks.append(ShardTask(path, number, entry))
        else:
            faults.append(Fault(path, -1, -1, f'it is not there, expected as {source}'))
    for name in sorted(set(present) - entries.keys()):
        path = files.join(directory, name)
        faults.append(
            Fault(path, -1, -1, f'it is there, expected none but those {source}')
        )
    return tasks, faults


def _read_manifest(directory: str, split: str) -> tuple[Manifest | None, list[Fault]]:
    try:
        manifest = read_manifest(directory, split)
    except ValueError as error:
        path = manifest_path(directory, split)
        what = f'{str(error).removeprefix(path).strip()}, expected the one of the build'
        return None, [Fault(path, -1, -1, printable(what))]
    shard_bytes = sum(
        num_bytes
        for name, num_bytes in files.sizes(directory).items()
        if is_shard_of(name, split)
    )
    if manifest and manifest.examples * OVERHEAD > shard_bytes:
        # What a stranger's manifest claims is not taken memory for.
        path = manifest_path(directory, split)
        what = (
            f'it tells of {manifest.examples:,} examples, which {shard_bytes:,} bytes of '
            'shards cannot hold'
        )
        return None, [Fault(path, -1, -1, what)]
    if manifest is None and _is_unfinished(directory, split):
        path = split_staging_dir(directory, split)
        what = 'it is there, so the build is unfinished; give its command again'
        return None, [Fault(path, -1, -1, what)]
    return manifest, []


def _is_unfinished(directory: str, split: str) -> bool:
    try:
        listing = files.list_folder(split_staging_dir(directory, split))
    except OSError:
        return False
    return bool(listing.files)


def plan_check(flags: argparse.Namespace, split: str, report: str) -> SplitCheck:
    """Finds all that is to be checked of a split.

    Raises:
      UserError: the index file or a label file cannot be used.
    """
    directory = flags.directory
    manifest, faults = _read_manifest(directory, split)
    tasks, more = _find_tasks(directory, split, manifest)
    faults += more
    labels = load_labels(flags.labels_file, flags.imagenet_metadata_file)
    num_examples = manifest.build_id.num_examples if manifest else None
    if flags.imagenet_index_file:
        try:
            index = read_split_index(flags.imagenet_index_file, split)
        except IndexFileError as error:
            raise UserError(str(error)) from error
        num_examples = len(index.names)
        if manifest:
            path = manifest_path(directory, split)
            expected = (manifest.build_id.names, manifest.build_id.labels)
            if digest_index(index) != expected:
                what = (
                    'it is of another index than '
                    f'{flags.imagenet_index_file}, expected the same names and labels'
                )
                faults.append(Fault(path, -1, -1, what))
    elif not manifest or manifest.build_id.classes != digest_labels(labels):
        labels = None
    return SplitCheck(
        SplitSpec(split, directory, num_examples, manifest is not None, tuple(faults)),
        RecordSpec(num_examples, labels and tuple(labels), flags.check),
        tuple(tasks),
        flags.imagenet_index_file,
        report,
    )


def parse_flags(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Splits the flags into ours and Beam's.

    Raises:
      UserError: one is unknown, or the directory is missing.
    """
    parser = OneLineParser(
        prog='indexed-imagenet verify',
        usage='%(prog)s DIR [--split=train] [--imagenet_index_file=FILE] [--decode]\n'
        '           [other flags]',
        description='Reads the shards in DIR again, and says what is wrong with them.',
        epilog="Beam's options are accepted, too: see indexed-imagenet build --helpfull.",
        allow_abbrev=False,
    )
    parser.add_argument('directory', metavar='DIR', help='where the shards are')
    parser.add_argument(
        '--split', choices=SPLITS, help='check one alone (default: all that are there)'
    )
    parser.add_argument(
        '--imagenet_index_file',
        metavar='FILE',
        help="compare names and labels with it (default: with the manifest's digests)",
    )
    parser.add_argument('--decode', action='store_true', help='decode each picture, too')
    parser.add_argument(
        '--labels_file', metavar='FILE', default=str(SYNSETS_FILE), help='as of build'
    )
    parser.add_argument(
        '--imagenet_metadata_file',
        metavar='FILE',
        default=str(METADATA_FILE),
        help='as of build',
    )
    flags, rest = parser.parse_known_args(argv)
    for name in own_flags():
        if name != 'verbose' and is_set(name, rest):
            raise UserError(f'--{name} is a flag of build, not of verify; see --help')
    flags.check = DECODE if flags.decode else QUICK
    if files.is_local(flags.directory):
        flags.directory = os.path.abspath(os.path.expanduser(flags.directory))
    return flags, rest


def find_splits(flags: argparse.Namespace) -> list[str]:
    """The splits to check.

    Raises:
      UserError: there is nothing to check.
    """
    directory = flags.directory
    try:
        splits = [
            split
            for split in SPLITS
            if list_shards(directory, split)
            or files.size(manifest_path(directory, split)) is not None
        ]
    except FileNotFoundError:
        raise UserError(f'{directory}: no such directory') from None
    except NotADirectoryError:
        raise UserError(f'{directory} is a file, expected a directory') from None
    except OSError as error:
        reason = error_text(error)
        raise UserError(f'{directory} cannot be listed: {reason}') from error
    if not splits:
        raise UserError(
            f'{directory} holds no shards (train-00000-of-01024, …); give the directory '
            'that a build wrote'
        )
    if flags.split and flags.split not in splits:
        raise UserError(
            f'{directory} holds no {flags.split} shards, only those of {splits[0]}'
        )
    return [flags.split] if flags.split else splits
