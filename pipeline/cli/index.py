"""``index``: makes an index file for people's own images."""

import argparse
from collections.abc import Sequence

import numpy as np
from rich.console import Console

from indexed_imagenet.console import open_stderr, print_line
from indexed_imagenet.errors import UserError
from indexed_imagenet.flags import OneLineParser, int_flag
from indexed_imagenet.labels.load import METADATA_FILE, is_synset, read_words
from indexed_imagenet.text import counted, error_text, first_of, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.index_file import BASENAMES, MAX_NAMES, PATHS
from indexed_imagenet.transforms.formats.index_writer import (
    ORDERS,
    SHUFFLED,
    SORTED,
    NewIndex,
    are_numbers,
    index_file_bytes,
    names_repeat,
    order_classes,
    order_files,
)
from indexed_imagenet.transforms.formats.layout import SPLITS
from indexed_imagenet.transforms.formats.shuffle import MAX_SEED
from indexed_imagenet.transforms.inputs.class_folders import (
    ClassFolders,
    OwnDataError,
    list_class_folders,
)
from indexed_imagenet.transforms.storage.atomic import atomic_write

# Labels are int16 in rows and offsets.
_MAX_CLASSES = int(np.iinfo(np.int16).max) + 1


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = OneLineParser(
        prog='indexed-imagenet index',
        usage='%(prog)s --train_directory=DIR [--validation_directory=DIR]\n'
        '           --output=FILE.npz [--order=sorted] [--seed=N]',
        description='Makes an index file for images of your own: one folder per class, '
        'named as the class. build --imagenet_index_file takes it.',
        allow_abbrev=False,
    )
    parser.add_argument('--train_directory', metavar='DIR', help='class folders')
    parser.add_argument(
        '--validation_directory',
        metavar='DIR',
        help='class folders of the same classes',
    )
    parser.add_argument(
        '--output', metavar='FILE', help='the index file to write, FILE.npz'
    )
    parser.add_argument(
        '--order',
        choices=ORDERS,
        default=SORTED,
        help='how examples are numbered. sorted: class by class, names as text; '
        'natural: the same, with numbers in names by value (2.png before 10.png); '
        'shuffled: sorted, then permuted (default: %(default)s)',
    )
    parser.add_argument(
        '--seed', type=int_flag, metavar='N', help='of --order=shuffled (default: 0)'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace a different index file'
    )
    parser.add_argument('--verbose', action='store_true', help='show stack traces')
    return parser.parse_all(argv)


def _check_flags(flags: argparse.Namespace) -> None:
    if flags.train_directory is None and flags.validation_directory is None:
        raise UserError(
            '--train_directory and --validation_directory are missing; give one or both'
        )
    for flag in ('train_directory', 'validation_directory', 'output'):
        if getattr(flags, flag) == '':
            raise UserError(f'--{flag} is empty (expected a path)')
    if flags.output is None:
        raise UserError('--output is missing (expected FILE.npz); see --help')
    if not flags.output.endswith('.npz'):
        raise UserError(f'--output is {flags.output!r} (expected a name ending in .npz)')
    if flags.seed is not None and flags.order != SHUFFLED:
        raise UserError(f'--seed needs --order={SHUFFLED} (--order is {flags.order})')
    if flags.seed is not None and not 0 <= flags.seed <= MAX_SEED:
        raise UserError(f'--seed is {flags.seed} (expected 0 to {MAX_SEED})')


def _list_splits(flags: argparse.Namespace, err: Console) -> dict[str, ClassFolders]:
    found = {}
    for split in SPLITS:
        directory = getattr(flags, f'{split}_directory')
        if directory is None:
            continue
        with err.status('listing'):
            try:
                found[split] = list_class_folders(storage.absolute(directory))
            except OwnDataError as error:
                raise UserError(f'--{split}_directory {error}', exit_status=1) from error
        ignored = found[split].ignored
        if ignored:
            print_line(
                err,
                f'{split}: ignored {counted(len(ignored), "path")} other than images in '
                f'class folders: {first_of(ignored)}',
            )
    return found


def _find_classes(found: dict[str, ClassFolders]) -> list[bytes]:
    """Returns the classes, by label.

    Raises:
      UserError: a class of the validation split is not one of the training split, or
        there are too many.
    """
    names = list(next(iter(found.values())).files)
    if len(found) > 1:
        more = [name for name in found['validation'].files if name not in set(names)]
        if more:
            raise UserError(
                f'--validation_directory has {counted(len(more), "class", "classes")} '
                'that --train_directory lacks, '
                f'{first_of([printable(name) for name in more])}; both need the same '
                'names',
                exit_status=1,
            )
    if len(names) > _MAX_CLASSES:
        raise UserError(
            f'there are {len(names):,} classes (expected at most {_MAX_CLASSES:,})',
            exit_status=1,
        )
    return order_classes(names)


def _make_index(
    found: dict[str, ClassFolders], order: str, seed: int, err: Console
) -> NewIndex:
    classes = _find_classes(found)
    if are_numbers(classes) and classes != sorted(classes):
        print_line(
            err,
            'all classes are numbers: labels follow their value '
            f'({first_of([name.decode() for name in classes], most=3)}); torchvision '
            'sorts them as text, so its labels differ',
        )
    for split, folders in found.items():
        count = sum(map(len, folders.files.values()))
        if count > MAX_NAMES:
            raise UserError(
                f'--{split}_directory has {count:,} images (expected at most '
                f'{MAX_NAMES:,})',
                exit_status=1,
            )
    repeated = [split for split in found if names_repeat(found[split].files)]
    if repeated:
        print_line(
            err,
            f'{" and ".join(repeated)}: file names repeat across classes, so the index '
            'names images class/file',
        )
    name_form = PATHS if repeated else BASENAMES
    splits = {
        split: order_files(folders.files, classes, name_form, order, seed)
        for split, folders in found.items()
    }
    names = [name.decode() for name in classes]
    words = read_words(str(METADATA_FILE)) if any(map(is_synset, names)) else {}
    texts = [words.get(name, name) for name in names]
    described = f'{order}, seed {seed}' if order == SHUFFLED else order
    return NewIndex(splits, list(zip(names, texts, strict=True)), name_form, described)


def _write(path: str, content: bytes, overwrite: bool) -> bool:
    """Writes the file; returns False if it was there already, byte for byte.

    Raises:
      UserError: another file is there, or it cannot be written.
    """
    try:
        try:
            old = storage.read_bytes(path)
        except FileNotFoundError:
            old = None
        if old == content:
            return False
        if old is not None and not overwrite:
            raise UserError(
                f'--output {path} exists and is a different index; choose another name, '
                'or replace it with --overwrite (results that refer to its numbers '
                'would then mean other images)'
            )
        atomic_write(path, content, storage.parent(path), durable=True)
    except OSError as error:
        raise UserError(
            f'--output {path} cannot be written: {error_text(error)}'
        ) from error
    return True


def run(argv: Sequence[str]) -> None:
    """Lists images and writes their index file.

    Raises:
      UserError: a flag is wrong, or the images cannot be indexed.
    """
    flags = _parse(argv)
    _check_flags(flags)
    output = storage.absolute(flags.output)
    with open_stderr() as stderr:
        err = Console(file=stderr)
        found = _list_splits(flags, err)
        index = _make_index(found, flags.order, flags.seed or 0, err)
        written = _write(output, index_file_bytes(index), flags.overwrite)
    parts = [
        f'{counted(len(content.names), f"{split} image")}'
        for split, content in index.splits.items()
    ]
    print(
        f'{"wrote" if written else "unchanged:"} {output}: {", ".join(parts)}, '
        f'{counted(len(index.classes), "class", "classes")}, order {index.order}'
    )
