"""Finds what is wrong with a build's input, as far as that shows before the job starts.

The launcher reads flags, the index file, the label files and the listing of each
split's top directory, never an image.
"""

import os
from collections.abc import Sequence

import numpy as np

from indexed_imagenet.build import Job, Split
from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import is_synset
from indexed_imagenet.labels.of_index import labels_of_index
from indexed_imagenet.options import DEFAULT_SHARDS, BuildOptions
from indexed_imagenet.preflight.existing_output import check_existing_output
from indexed_imagenet.preflight.wrong_directory import (
    check_not_exchanged,
    find_below,
)
from indexed_imagenet.text import counted, error_text, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.encode_shards import ImagePolicy
from indexed_imagenet.transforms.formats.build_id import make_build_id
from indexed_imagenet.transforms.formats.example_encoder import Label
from indexed_imagenet.transforms.formats.index_file import (
    IndexFileError,
    SplitIndex,
    read_index_classes,
    read_split_index,
    read_split_scores,
)
from indexed_imagenet.transforms.formats.layout import SPLITS
from indexed_imagenet.transforms.formats.shuffle import MAX_SEED, Shuffle
from indexed_imagenet.transforms.inputs.names import is_system, looks_like_image
from indexed_imagenet.transforms.inputs.sources import Form, Sources, find_sources

# 1,281,167 and 50,000 images make as many shards as ``DEFAULT_SHARDS`` says.
_OWN_IMAGES_PER_SHARD = {'train': 1252, 'validation': 391}


def _path(options: BuildOptions, flag: str) -> str:
    """Returns the path that a flag gives, absolute; see ``_absolute``."""
    return _absolute(getattr(options, flag), flag)


def _absolute(path: str | None, flag: str) -> str:
    """Returns a flag's path, absolute: workers may start elsewhere.

    Raises:
      UserError: it is missing, empty, or not text.
    """
    if path is None:
        raise UserError(f'--{flag} is missing; see --help')
    if not path:
        raise UserError(f'--{flag} is empty (expected a path)')
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = printable(os.fsencode(path))
        raise UserError(
            f'--{flag} {shown} is not UTF-8, which runners need; rename it'
        ) from None
    return storage.absolute(path)


def check_directory(path: str, flag: str, labels: Sequence[Label]) -> None:
    """Checks the top directory of a split.

    Raises:
      UserError: it does not exist, holds no images, or holds a folder that is not
        a class.
    """
    try:
        listing = storage.list_folder(path)
    except FileNotFoundError:
        raise UserError(f'--{flag} {path}: no such directory') from None
    except OSError as error:
        raise UserError(
            f'--{flag} {path} cannot be listed: {error_text(error)}; make it readable'
        ) from error
    synsets = {label.synset.encode() for label in labels}
    folders = sorted(name for name in listing.folders if not is_system(name))
    foreign = [name for name in folders if name not in synsets]
    if foreign:
        first = printable(foreign[0])
        remedy = (
            'give the directory of the class folders (nXXXXXXXX), and move other folders '
            'out of it'
        )
        below = None
        if len(foreign) == len(folders):
            below = find_below(path, flag.removesuffix('_directory'), synsets)
        if below:
            remedy = f'did you mean {below}?'
        raise UserError(
            f'--{flag} {path} has {counted(len(foreign), "folder")} that the labels '
            f'file does not list, first {first!r}; {remedy}'
        )
    if not folders and os.path.basename(path).encode() in synsets:
        raise UserError(
            f'--{flag} {path} is the folder of one class (expected the directory of all '
            'class folders); give its parent'
        )
    if not folders and not any(map(looks_like_image, listing.files)):
        raise UserError(
            f'--{flag} {path} has no class folders (nXXXXXXXX), images or archives; give '
            'the directory that holds them'
        )


def check_labels(index: SplitIndex, split: str, labels: Sequence[Label]) -> None:
    """Checks that the index and the labels file are about the same classes.

    Raises:
      UserError: a label is beyond the labels file, or a training file's name
        begins with another synset than that of its label.
    """
    beyond = np.flatnonzero(index.labels >= len(labels))
    if len(beyond):
        first = beyond[0]
        raise UserError(
            f'the index gives {printable(index.names[first])!r} label '
            f'{index.labels[first]}, but the labels file has {len(labels)} lines; give '
            'the --labels_file that belongs to the index'
        )
    if split != 'train' or not all(is_synset(label.synset) for label in labels):
        return  # the names do not say their classes
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
            f'file ({counted(len(disagree), "such name")}); give the --labels_file that '
            'belongs to the index'
        )


def _find_sources(options: BuildOptions, split: str, labels: Sequence[Label]) -> Sources:
    """Recognises where a split's images are, and checks it as far as that is quick.

    Raises:
      UserError: there are none, or they cannot be taken.
    """
    flag = f'{split}_directory'
    output = _path(options, 'output_directory')
    sources = find_sources(
        [_absolute(path, flag) for path in getattr(options, flag)], flag
    )
    if sources.form == Form.FOLDER:
        for path in sources.paths():
            _check_apart(output, path, split)
            check_directory(path, flag, labels)
    return sources


def _check_apart(output: str, directory: str, split: str) -> None:
    """Refuses to write among the images, where the next build would find it."""
    if storage.is_within(output, directory):
        raise UserError(
            f'--output_directory {output} is in --{split}_directory {directory}; choose '
            'one outside'
        )


def _read_index(index_file: str, split: str) -> SplitIndex:
    try:
        index = read_split_index(index_file, split)
        read_split_scores(index_file, split)  # else it fails when all shards are done
    except IndexFileError as error:
        raise UserError(str(error)) from error
    return index


def _is_of_own_data(index_file: str) -> bool:
    """Returns whether an index file has classes, as those of people's own data do.

    Raises:
      UserError: they are malformed.
    """
    try:
        return read_index_classes(index_file) is not None
    except IndexFileError as error:
        raise UserError(str(error)) from error


def _default_shards(split: str, num_images: int, own_data: bool) -> int:
    """Returns the number of shards of a split if no flag gives it.

    For people's own data it is as many as keep shards as long as ImageNet's.
    """
    if not own_data:
        return DEFAULT_SHARDS[split]
    return min(DEFAULT_SHARDS[split], -(-num_images // _OWN_IMAGES_PER_SHARD[split]))


def prepare_job(options: BuildOptions) -> Job:
    """Checks everything that the launcher can check, and makes the job.

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
    index_file = _path(options, 'imagenet_index_file')
    output = _path(options, 'output_directory')
    seed = options.shuffle_seed
    if not 0 <= seed <= MAX_SEED:
        raise UserError(f'--shuffle_seed is {seed} (expected 0 to {MAX_SEED})')
    for split in wanted:
        num_shards = getattr(options, f'{split}_shards')
        if num_shards is not None and num_shards < 1:
            raise UserError(f'--{split}_shards is {num_shards} (expected at least 1)')
    labels = labels_of_index(
        index_file,
        _path(options, 'labels_file'),
        _path(options, 'imagenet_metadata_file'),
    )
    sources = {split: _find_sources(options, split, labels) for split in wanted}
    directories = {
        split: found.directory
        for split, found in sources.items()
        if found.form == Form.FOLDER and len(found.sources) == 1
    }
    by_default = any(getattr(options, f'{split}_shards') is None for split in wanted)
    own_data = by_default and _is_of_own_data(index_file)
    splits = []
    for split in wanted:
        index = _read_index(index_file, split)
        check_labels(index, split, labels)
        if split in directories:
            check_not_exchanged(directories, split, index, index_file)
        num_shards = getattr(options, f'{split}_shards')
        if num_shards is None:
            num_shards = _default_shards(split, len(index.names), own_data)
        if num_shards > len(index.names):
            raise UserError(
                f'--{split}_shards is {num_shards}, but the index names '
                f'{len(index.names)} {split} images; give at most that many shards'
            )
        shuffle = Shuffle(len(index.names), num_shards, seed)
        build_id = make_build_id(split, index, labels, shuffle)
        splits.append(Split(split, sources[split], build_id))
    if not options.overwrite:
        build_ids = [split.build_id for split in splits]
        check_existing_output(output, build_ids, options.check_kept)
    policy = ImagePolicy(
        options.check_images, options.bad_images, options.max_bad_fraction
    )
    return Job(
        tuple(splits),
        tuple(labels),
        index_file,
        output,
        policy,
        options.overwrite,
        options.check_kept,
    )
