"""Regenerates the packaged label files from their public sources, byte for byte.

    python -m indexed_imagenet.labels.regenerate TIMM_WHEEL DATA_NOUN FOLDER

README.md has the sources and the sha256 digests of the results.
"""

import pathlib
import sys
import zipfile
from collections.abc import Iterable

from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE


def wordnet_words(data_noun: Iterable[str]) -> dict[str, str]:
    """Returns the words of each noun synset, by synset ID.

    Args:
      data_noun: the lines of WordNet's ``data.noun``.

    Source: wndb(5WN). A line is ``offset file type count word id word id …``, with
    ``count`` in hexadecimal and ``_`` for a space. The lines of the licence at the
    top of the file are indented.
    """
    words = {}
    for line in data_noun:
        if not line.startswith(' '):
            offset, _, _, count, *rest = line.split(' ')
            names = rest[: 2 * int(count, 16) : 2]
            words[f'n{offset}'] = ', '.join(names).replace('_', ' ')
    return words


def make_metadata(synsets: Iterable[str], words: dict[str, str]) -> str:
    """Returns the metadata file: ``nOFFSET<TAB>words`` per line, sorted by synset."""
    return ''.join(f'{synset}\t{words[synset]}\n' for synset in sorted(synsets))


def make_label_files(timm_wheel: str, data_noun: str, folder: str) -> None:
    """Writes both label files.

    Args:
      timm_wheel: path of timm's wheel, which has both lists of synsets.
      data_noun: path of WordNet 3.0's ``data.noun``.
      folder: path of an existing folder to write to.
    """
    with zipfile.ZipFile(timm_wheel) as wheel:
        synsets = wheel.read('timm/data/_info/imagenet_synsets.txt')
        all_synsets = wheel.read('timm/data/_info/imagenet22k_ms_synsets.txt')
    with open(data_noun, encoding='ascii') as lines:
        metadata = make_metadata(all_synsets.decode().split(), wordnet_words(lines))
    target = pathlib.Path(folder)
    (target / SYNSETS_FILE.name).write_bytes(synsets)
    (target / METADATA_FILE.name).write_text(metadata, encoding='utf-8', newline='')


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(
            'usage: python -m indexed_imagenet.labels.regenerate '
            'TIMM_WHEEL DATA_NOUN FOLDER'
        )
    make_label_files(*sys.argv[1:])
