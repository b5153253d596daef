"""The label files: which synsets there are, in which order, and their words.

The two packaged files are made from public sources, byte for byte, by
``python -m indexed_imagenet.labels.load TIMM_WHEEL DATA_NOUN FOLDER``: the lists of
synsets are in the wheel of timm (``timm/data/_info/``), the words are those of
WordNet 3.0 (``data.noun``, in Debian's package ``wordnet-base``).
"""

import pathlib
import re
import sys
import zipfile
from collections.abc import Iterable

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.formats.example_encoder import Label, make_labels
from indexed_imagenet.transforms.storage import files

FOLDER = pathlib.Path(__file__).parent
SYNSETS_FILE = FOLDER / 'imagenet_lsvrc_2015_synsets.txt'
METADATA_FILE = FOLDER / 'imagenet_metadata.txt'

_SYNSET = re.compile(r'n\d{8}')


def _read_lines(path: str, flag: str) -> list[str]:
    try:
        text = files.read_bytes(path).decode('utf-8')
    except FileNotFoundError:
        raise UserError(f'{flag} {path} does not exist') from None
    except OSError as error:
        reason = error_text(error)
        raise UserError(f'{flag} {path} cannot be read: {reason}') from error
    except UnicodeDecodeError as error:
        raise UserError(f'{flag} {path} is not UTF-8 text: {error}') from error
    return text.splitlines()


def load_labels(labels_file: str, metadata_file: str) -> list[Label]:
    """Reads both label files.

    Args:
      labels_file: one synset a line; its line is its label.
      metadata_file: ``nOFFSET<TAB>words`` a line.

    Raises:
      UserError: a file is missing or malformed, or the second lacks a synset of
        the first.
    """
    synsets = _read_lines(labels_file, '--labels_file')
    if not synsets:
        raise UserError(f'--labels_file {labels_file} is empty, expected synsets')
    first_line: dict[str, int] = {}
    for number, synset in enumerate(synsets, 1):
        place = f'--labels_file {labels_file}, line {number}: {synset!r}'
        if not _SYNSET.fullmatch(synset):
            raise UserError(f'{place} is no synset, expected a form like n01440764')
        if synset in first_line:
            raise UserError(f'{place} already stands in line {first_line[synset]}')
        first_line[synset] = number
    words = {}
    metadata = _read_lines(metadata_file, '--imagenet_metadata_file')
    for number, line in enumerate(metadata, 1):
        synset, tab, text = line.partition('\t')
        if not tab:
            raise UserError(
                f'--imagenet_metadata_file {metadata_file}, line {number}: {line!r} '
                'has no tab, expected a synset, a tab, and its words'
            )
        words[synset] = text
    for synset in synsets:
        if synset not in words:
            raise UserError(
                f'--imagenet_metadata_file {metadata_file} has no line for {synset}, '
                f'which --labels_file {labels_file} names'
            )
    return make_labels(synsets, [words[synset] for synset in synsets])


def wordnet_words(data_noun: Iterable[str]) -> dict[str, str]:
    """The words of each noun synset, from the lines of WordNet's ``data.noun``.

    Format: wndb(5WN). A line is ``offset file type count word id word id …``,
    ``count`` in hexadecimal and ``_`` for a space; the licence at the top of the
    file is indented.
    """
    words = {}
    for line in data_noun:
        if not line.startswith(' '):
            offset, _, _, count, *rest = line.split(' ')
            names = rest[: 2 * int(count, 16) : 2]
            words[f'n{offset}'] = ', '.join(names).replace('_', ' ')
    return words


def make_metadata(synsets: Iterable[str], words: dict[str, str]) -> str:
    """The metadata file: each synset with its words, in sorted order."""
    return ''.join(f'{synset}\t{words[synset]}\n' for synset in sorted(synsets))


def make_label_files(timm_wheel: str, data_noun: str, folder: str) -> None:
    """Makes both label files from their public sources."""
    with zipfile.ZipFile(timm_wheel) as wheel:
        synsets = wheel.read('timm/data/_info/imagenet_synsets.txt')
        all_synsets = wheel.read('timm/data/_info/imagenet22k_ms_synsets.txt')
    with open(data_noun, encoding='ascii') as lines:
        metadata = make_metadata(all_synsets.decode().split(), wordnet_words(lines))
    target = pathlib.Path(folder)
    (target / SYNSETS_FILE.name).write_bytes(synsets)
    (target / METADATA_FILE.name).write_text(metadata, encoding='utf-8', newline='')


if __name__ == '__main__':
    make_label_files(*sys.argv[1:])
