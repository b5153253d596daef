"""Finds the image of the index that a file is, if its name is spelled otherwise.

Data sets come with other names than the index has: with other endings (``.jpg`` for
``.JPEG``), copied over file systems that change case or Unicode form, or from Hugging
Face, which appends the synset (``n01440764_10026_n01440764.JPEG``). Names that differ
only so have the same key.
"""

import re
import threading
import unicodedata
import weakref
from collections.abc import Sequence

import numpy as np

from indexed_imagenet.transforms.index_table import IndexTable
from indexed_imagenet.transforms.inputs.names import is_system

# Of images, and of what images are converted to.
_ENDING = re.compile(
    r'\.(jpeg|jpg|jpe|jfif|png|gif|bmp|webp|tiff?|heic|avif)$', re.IGNORECASE
)
_SYNSET = re.compile(r'(?<=.)_n[0-9]{8}$', re.IGNORECASE)

# Names that are made into keys at a time.
_PIECE = 1 << 16


def _decode(name: bytes) -> str:
    return name.decode('utf-8', 'surrogateescape')


def _steps(name: str) -> dict[str, str]:
    """Returns what is taken off a name on the way to its key, by what it is."""
    ending = _ENDING.search(name)
    stem = name[: ending.start()] if ending else name
    synset = _SYNSET.search(stem)
    stem = stem[: synset.start()] if synset else stem
    nfc = unicodedata.normalize('NFC', stem)
    return {
        'ending': ending.group().lower() if ending else '',
        'appended synset': synset.group() if synset else '',
        'stem': stem,
        'nfc': nfc,
        'key': nfc.casefold(),
    }


def may_be_renamed(name: bytes) -> bool:
    """Returns whether a file that the index does not name may be an image of it.

    It ends like an image, or has lost its ending. A ``README`` is not looked for.
    """
    if is_system(name):
        return False
    text = _decode(name)
    return bool(_ENDING.search(text)) or ('.' not in text and text[-1:].isdigit())


def name_key(name: bytes) -> bytes:
    """Returns what is left of a name without ending, synset, case and Unicode form."""
    return _steps(_decode(name))['key'].encode('utf-8', 'surrogateescape')


def name_difference(name: bytes, other: bytes) -> str:
    """Returns in what two names of the same key differ.

    >>> name_difference(b'a.jpg', b'A.JPEG')
    'ending, case'
    """
    one, two = _decode(name), _decode(other)
    mine, theirs = _steps(one), _steps(two)
    found = [kind for kind in ('ending', 'appended synset') if mine[kind] != theirs[kind]]
    if mine['nfc'] != theirs['nfc'] or (not found and mine['stem'] == theirs['stem']):
        found.append('case')
    elif mine['stem'] != theirs['stem']:
        found.append('Unicode form')
    return ', '.join(found)


class _Keys:
    """The keys of all names of a table, in ascending order, and the row of each."""

    def __init__(self, table: IndexTable):
        pieces = [
            np.array([name_key(name) for name in table.names[at : at + _PIECE].tolist()])
            for at in range(0, len(table.names), _PIECE)
        ]
        keys = np.concatenate(pieces)
        self._rows = np.argsort(keys, kind='stable')
        self._keys = keys[self._rows]

    def find(self, names: Sequence[bytes]) -> list[np.ndarray]:
        """Returns the table's rows that have the key of each name."""
        sought = np.array([name_key(name) for name in names], 'S')
        # One width on both sides, or numpy would widen the keys of the whole table.
        width = self._keys.dtype.itemsize
        fits = (np.char.str_len(sought) <= width) & (sought != b'')
        sought = sought.astype(f'S{width}')
        begin = np.searchsorted(self._keys, sought, 'left')
        end = np.searchsorted(self._keys, sought, 'right')
        end = np.where(fits, end, begin)
        return [
            self._rows[at:to] for at, to in zip(begin.tolist(), end.tolist(), strict=True)
        ]


_keys: 'weakref.WeakKeyDictionary[IndexTable, _Keys]' = weakref.WeakKeyDictionary()
_keys_lock = threading.Lock()


def _is_other_spelling(name: bytes, original: bytes, synset: str) -> bool:
    """Returns whether two names of the same key certainly are of the same image.

    They are not if one ending is of another format: the image was converted.

    Args:
      name: of a file.
      original: of an image in the index.
      synset: of that image; a synset that is appended must be the same.
    """
    mine, theirs = _steps(_decode(name)), _steps(_decode(original))
    if _format(mine['ending']) != _format(theirs['ending']):
        return False
    appended = (mine['appended synset'], theirs['appended synset'])
    return all(each in ('', f'_{synset}') for each in map(str.lower, appended))


def _format(ending: str) -> str:
    return '.jpeg' if ending == '.jpg' else ending


def find_renamed(
    table: IndexTable, names: Sequence[bytes], synsets: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the images that files are, by the part of their names that remains.

    The first call for a table makes the keys of all its names: 2 s for the training
    set. It is only called for names that are not in the index.

    Args:
      table: the index.
      names: in the form of the table's; none of them is in it.
      synsets: the synset of each label.

    Returns:
      Two rows of the table for each name, int64, −1 for none: the one image that it
      certainly is, and the first that has a similar name.
    """
    taken = np.full(len(names), -1, np.int64)
    similar = np.full(len(names), -1, np.int64)
    if not names:
        return taken, similar
    with _keys_lock:
        keys = _keys.get(table)
        if keys is None:
            keys = _keys[table] = _Keys(table)
    for i, rows in enumerate(keys.find(names)):
        if not len(rows):
            continue
        similar[i] = rows[0]
        certain = [
            row
            for row in rows.tolist()
            if _is_other_spelling(
                names[i], bytes(table.names[row]), synsets[table.labels[row]]
            )
        ]
        if len(certain) == 1:
            [taken[i]] = certain
    return taken, similar
