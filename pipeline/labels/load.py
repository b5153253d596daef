"""Loads the label files: the synsets in label order, and their words."""

import pathlib
import re

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.example_encoder import Label, make_labels

_FOLDER = pathlib.Path(__file__).parent

# The packaged files; README.md has their sources and sha256 digests.
SYNSETS_FILE = _FOLDER / 'imagenet_lsvrc_2015_synsets.txt'
METADATA_FILE = _FOLDER / 'imagenet_metadata.txt'

_SYNSET = re.compile(r'n\d{8}')


def is_synset(name: str) -> bool:
    """Returns whether a class's name is a synset ID, such as ``n01440764``."""
    return _SYNSET.fullmatch(name) is not None


def _read_lines(path: str, flag: str) -> list[str]:
    try:
        text = storage.read_bytes(path).decode('utf-8-sig')  # Windows writes a mark
    except FileNotFoundError:
        raise UserError(f'{flag} {path} does not exist') from None
    except OSError as error:
        reason = error_text(error)
        raise UserError(f'{flag} {path} cannot be read: {reason}') from error
    except UnicodeDecodeError as error:
        raise UserError(f'{flag} {path} is not UTF-8 text: {error}') from error
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise UserError(f'{flag} {path}, line {number} is blank; remove it')
    return lines


def read_words(metadata_file: str) -> dict[str, str]:
    """Reads the words of each synset.

    Raises:
      UserError: the file is missing or malformed.
    """
    words = {}
    metadata = _read_lines(metadata_file, '--imagenet_metadata_file')
    for number, line in enumerate(metadata, 1):
        synset, tab, text = line.partition('\t')
        if not tab:
            raise UserError(
                f'--imagenet_metadata_file {metadata_file}, line {number}: {line!r} '
                'has no tab (expected a synset ID, a tab and its words)'
            )
        words[synset] = text
    return words


def load_labels(labels_file: str, metadata_file: str) -> list[Label]:
    """Loads both label files.

    They are UTF-8; a byte order mark, line ends of Windows and blank lines at the end
    are accepted.

    Args:
      labels_file: path or URL of the synsets, one per line in label order.
      metadata_file: path or URL of the words, ``nOFFSET<TAB>words`` per line.

    Returns:
      The labels, in order.

    Raises:
      UserError: a file is missing or malformed, or the metadata file lacks a synset
        of the labels file.
    """
    synsets = _read_lines(labels_file, '--labels_file')
    if not synsets:
        raise UserError(
            f'--labels_file {labels_file} is empty (expected one synset ID per line)'
        )
    first_line: dict[str, int] = {}
    for number, synset in enumerate(synsets, 1):
        place = f'--labels_file {labels_file}, line {number}: {synset!r}'
        if not is_synset(synset):
            raise UserError(f'{place} is not a synset ID (expected e.g. n01440764)')
        if synset in first_line:
            raise UserError(f'{place} repeats line {first_line[synset]}; remove one')
        first_line[synset] = number
    words = read_words(metadata_file)
    for synset in synsets:
        if synset not in words:
            raise UserError(
                f'--imagenet_metadata_file {metadata_file} has no line for {synset} '
                f'of --labels_file {labels_file}; add one'
            )
    return make_labels(synsets, [words[synset] for synset in synsets])
