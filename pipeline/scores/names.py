"""File names in every form that published tables have, as the stems of the index.

Forms met in the wild: ``n…_N.JPEG``; without ending; with folders (``n…/…``,
``val/n…/…``); URLs; with the synset appended (Hugging Face); bytes; in validation the
number alone (``293``).
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

import numpy as np

_ENDING = re.compile(r'\.(jpe?g|png|pt|npy|webp)$', re.IGNORECASE)
_APPENDED = re.compile(r'^(n\d{8}_\d+|ILSVRC2012_(?:val|test)_\d{8})_n\d{8}$')
_IMAGE = re.compile(r'n\d{8}_\d+|ILSVRC2012_(val|test|train)_\d{8}')
_VALIDATION = 'ILSVRC2012_val_{:08d}'


def stem_of(name: str | bytes) -> tuple[str, str]:
    """Returns the stem of a file name in any form, and what was taken off.

    >>> stem_of(b'val/n01751748/ILSVRC2012_val_00000001_n01751748.JPEG')
    ('ILSVRC2012_val_00000001', 'with folder, with appended synset')
    """
    text = name.decode('utf-8', 'replace') if isinstance(name, bytes) else str(name)
    forms = []
    if '://' in text:
        text = unquote(urlsplit(text).path)
        forms.append('URL')
    base = text.replace('\\', '/').rstrip('/').rpartition('/')[2]
    if base != text and 'URL' not in forms:
        forms.append('with folder')
    stem, endings = _ENDING.subn('', base)
    if not endings:
        forms.append('without ending')
    appended = _APPENDED.match(stem)
    if appended:
        stem = appended[1]
        forms.append('with appended synset')
    return stem, ', '.join(forms)


def looks_like_image(name: str | bytes) -> bool:
    """Returns whether a text is the name of an ImageNet image, in any form.

    >>> looks_like_image('val/n01440764/ILSVRC2012_val_00000293'), looks_like_image('a.b')
    (True, False)
    """
    return bool(_IMAGE.fullmatch(stem_of(name)[0]))


def stems_of_numbers(numbers: np.ndarray) -> list[str]:
    """Returns the stems of validation images by the numbers in their names."""
    return [_VALIDATION.format(number) for number in numbers.tolist()]


class StemIndex:
    """The index of each stem of a split."""

    def __init__(self, filenames: Sequence[str]):
        self._index = {stem_of(name)[0]: i for i, name in enumerate(filenames)}

    def find(self, stems: Sequence[str]) -> np.ndarray:
        """Returns the index of each stem, −1 if there is none, int64."""
        return np.array([self._index.get(stem, -1) for stem in stems], np.int64)
