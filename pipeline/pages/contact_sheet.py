"""A contact sheet: thumbnails with index, class and score, as one PNG."""

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from indexed_imagenet.errors import UserError
from indexed_imagenet.pages.entries import THUMBNAIL, Entry

_MARGIN, _GAP, _LINE, _FONT = 24, 12, 16, 13
_TITLE = 44
_BACKGROUND, _INK, _FAINT = '#ffffff', '#1b1f24', '#59636e'
_CELL_HEIGHT = THUMBNAIL + 3 * _LINE + 8

# A larger picture is no sheet any more: 200 rows of 10.
MAX_ENTRIES = 2_000


def _fit(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont) -> str:
    """Cuts a text to the width of a thumbnail."""
    if draw.textlength(text, font) <= THUMBNAIL:
        return text
    while text and draw.textlength(f'{text}…', font) > THUMBNAIL:
        text = text[:-1]
    return f'{text}…'


def make_sheet(entries: Sequence[Entry], names: Sequence[str], title: str) -> bytes:
    """Returns the sheet, a PNG.

    Args:
      entries: with thumbnails; the first is at the top left.
      names: of the score columns; the first is printed under each picture.
      title: printed above.

    Raises:
      UserError: there are too many.
    """
    if len(entries) > MAX_ENTRIES:
        raise UserError(
            f'a sheet of {len(entries):,} pictures (expected at most {MAX_ENTRIES:,}); '
            'choose fewer with --n or --random, or write an .html page'
        )
    columns = max(4, min(10, math.ceil(math.sqrt(1.4 * len(entries)))))
    columns = min(columns, len(entries))
    rows = math.ceil(len(entries) / columns)
    width = max(2 * _MARGIN + columns * (THUMBNAIL + _GAP) - _GAP, 560)
    height = 2 * _MARGIN + _TITLE + rows * (_CELL_HEIGHT + _GAP) - _GAP
    sheet = Image.new('RGB', (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT)
    large = ImageFont.load_default(18)
    assert isinstance(font, ImageFont.FreeTypeFont)
    draw.text((_MARGIN, _MARGIN - 4), title, _INK, large)
    for position, entry in enumerate(entries):
        row, column = divmod(position, columns)
        left = _MARGIN + column * (THUMBNAIL + _GAP)
        top = _MARGIN + _TITLE + row * (_CELL_HEIGHT + _GAP)
        if entry.thumbnail:
            with Image.open(io.BytesIO(entry.thumbnail)) as picture:
                down = THUMBNAIL - picture.height  # captions are in line
                sheet.paste(picture, (left, top + down))
        lines = [(str(entry.index), _INK), (entry.text.partition(',')[0], _INK)]
        if names and entry.scores[0] is not None:
            lines.append((f'{names[0]} {entry.scores[0]:.3f}', _FAINT))
        for number, (text, ink) in enumerate(lines):
            at = (left, top + THUMBNAIL + 4 + number * _LINE)
            draw.text(at, _fit(draw, text, font), ink, font)
    file = io.BytesIO()
    sheet.save(file, 'PNG', optimize=True)
    return file.getvalue()
