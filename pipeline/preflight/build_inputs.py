"""Finds, before the job starts, what can be known to be wrong.

The launcher reads flags, the index file, the label files and the listing of
each split's top directory, never an image.
"""

import os

import numpy as np

from indexed_imagenet.build import Job, Split
from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import load_labels
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.output.open_output import check_other_builds
from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms.encode_shards import ImagePolicy
from indexed_imagenet.transforms.formats.build_id import make_build_id
from indexed_imagenet.transforms.formats.example_encoder import Label
from indexed_imagenet.transforms.formats.index_file import (
    SPLITS,
    IndexFileError,
    SplitIndex,
    read_split_index,
)
from indexed_imagenet.transforms.join_index import looks_like_image
from indexed_imagenet.transforms.list_images import is_hidden
from indexed_imagenet.transforms.shuffle_rows import Shuffle
from indexed_imagenet.transforms.storage import files


def _path(options: BuildOptions, flag: str) -> str:
    """The path that a flag gives, absolute: workers may be started elsewhere.

    Raises:
      UserError: it is missing, empty, or not text.
    """
    path = getattr(options, flag)
    if path is None:
        raise UserError(f'--{flag} is missing; see --help')
    if not path:
        raise UserError(f'--{flag} is empty, expected a path')
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = printable(os.fsencode(path))
        raise UserError(
            f'--{flag} {shown} is not UTF-8, which runners need; rename it'
        ) from None
    return os.path.abspath(os.path.expanduser(path)) if files.is_local(path) else path


def check_directory(path: str, flag: str, labels: list[Label]) -> None:
    """Checks the top directory of a split.

    Raises:
      UserError: it is not there, holds no images, or holds a folder that is no
        class.
    """
    try:
        listing = files.list_folder(path)
    except FileNotFoundError:
        raise UserError(f'--{flag} {path}: no such directory') from None
    except NotADirectoryError:
        raise UserError(f'--{flag} {path} is a file, expected a directory') from None
    except OSError as error:
        reason = error_text(error)
        raise UserError(
            f'--{flag} {path} cannot be listed: {reason}; make it readable'
        ) from error
    synsets = {label.synset.encode() for label in labels}
    folders = sorted(name for name in listing.folders if not is_hidden(name))
    foreign = [name for name in folders if name not in synsets]
    if foreign:
        first = printable(foreign[0])
        raise UserError(
            f'--{flag} {path} has {len(foreign)} folder(s) that no line of the labels '
            f'file names, first {first!r}; give the directory of the class folders '
            '(nXXXXXXXX), and move other folders out of it'
        )
    if not folders and os.path.basename(path).encode() in synsets:
        raise UserError(
            f'--{flag} {path} is the folder of one class, expected the directory that '
            'holds the folders of all; give its parent'
        )
    if not folders and not any(map(looks_like_image, listing.files)):
        raise UserError(
            f'--{flag} {path} has no class folders (nXXXXXXXX) and no images; give the '
            'directory that holds them'
        )


def check_labels(index: SplitIndex, split: str, labels: list[Label]) -> None:
    """Checks that index and labels file speak of the same classes.

    Raises:
      UserError: a label is beyond the labels file, or a training file's name
        begins with another synset than its label stands for.
    """
    beyond = np.flatnonzero(index.labels >= len(labels))
    if len(beyond):
        first = beyond[0]
        raise UserError(
            f'the index gives {printable(index.names[first])!r} label '
            f'{index.labels[first]}, but the labels file has {len(labels)} lines; give '
            'the --labels_file that belongs to the index'
        )
    if split != 'train':
        return  # a validation file's name does not say its class
    synsets = np.array([label.synset for label in labels], dtype='S')
    width = synsets.dtype.itemsize
    expected = synsets[index.labels]
    disagree = np.flatnonzero(
        np.char.startswith(index.names, b'n')
        & (np.char.find(index.names, b'_') == width)
        & (index.names.astype(f'S{width}') != expected)
    )
    if len(disagree):
        first = disagree[0]
        raise UserError(
            f'the index gives {printable(index.names[first])!r} label '
            f'{index.labels[first]}, which is {expected[first].decode()} in the labels '
            f'file ({len(disagree)} such name(s)); give the --labels_file that belongs '
            'to the index'
        )


def _check_apart(output: str, directory: str, split: str) -> None:
    """Refuses to write among the images, where the next build would find it."""
    local = files.is_local(output) and files.is_local(directory)
    if local and os.path.commonpath([output, directory]) == directory:
        raise UserError(
            f'--output_directory {output} is in --{split}_directory {directory}; choose '
            'one outside'
        )


def prepare_job(options: BuildOptions) -> Job:
    """Checks all that the launcher can check, and makes the job.

    Raises:
      UserError: something is wrong; nothing was started.
    """
    wanted = [
        split for split in SPLITS if getattr(options, f'{split}_directory') is not None
    ]
    if not wanted:
        raise UserError(
            '--train_directory and --validation_directory are missing; give one or both'
        )
    directories = {split: _path(options, f'{split}_directory') for split in wanted}
    index_file = _path(options, 'imagenet_index_file')
    output = _path(options, 'output_directory')
    seed = options.shuffle_seed
    if not 0 <= seed < 1 << 32:
        raise UserError(f'--shuffle_seed is {seed}, expected 0 to {(1 << 32) - 1}')
    for split in wanted:
        num_shards = getattr(options, f'{split}_shards')
        if num_shards < 1:
            raise UserError(f'--{split}_shards is {num_shards}, expected at least 1')
    labels = load_labels(
        _path(options, 'labels_file'), _path(options, 'imagenet_metadata_file')
    )
    splits = []
    for split in wanted:
        _check_apart(output, directories[split], split)
        check_directory(directories[split], f'{split}_directory', labels)
        try:
            index = read_split_index(index_file, split)
        except IndexFileError as error:
            raise UserError(str(error)) from error
        check_labels(index, split, labels)
        num_shards = getattr(options, f'{split}_shards')
        if num_shards > len(index.names):
            raise UserError(
                f'--{split}_shards is {num_shards}, but the index names '
                f'{len(index.names)} {split} images; give at most that many shards'
            )
        shuffle = Shuffle(len(index.names), num_shards, seed)
        build_id = make_build_id(split, index, labels, shuffle)
        splits.append(Split(split, directories[split], shuffle, build_id))
    if not options.overwrite:
        check_other_builds(output, [split.build_id for split in splits])
    rules = ImagePolicy(options.check_images, options.bad_images)
    return Job(tuple(splits), tuple(labels), index_file, output, rules, options.overwrite)
