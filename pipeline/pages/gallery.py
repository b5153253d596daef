"""The gallery: one self-contained HTML file to look at, filter and sort examples."""

import base64
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from indexed_imagenet.errors import UserError
from indexed_imagenet.pages.entries import Entry
from indexed_imagenet.pages.influence import InfluenceRow
from indexed_imagenet.pages.templates import render, script_json, template_text
from indexed_imagenet.text import counted

# A browser shows this many without stutter; more take a choice.
MAX_ENTRIES = 5_000

# Bytes of the element around a picture at full size, at most.
_AROUND_FULL = 80


@dataclasses.dataclass(frozen=True, slots=True)
class Gallery:
    """A finished page.

    Attributes:
      html: its content.
      num_full: how many pictures it holds at full size.
    """

    html: bytes
    num_full: int


def key_of(split: str, index: int) -> str:
    """Returns what addresses an example in a page: ``#950353``, ``#validation-12``."""
    return str(index) if split == 'train' else f'{split}-{index}'


def _fields(split: str, entry: Entry) -> list[Any]:
    thumbnail = entry.thumbnail and base64.b64encode(entry.thumbnail).decode()
    return [
        key_of(split, entry.index),
        entry.index,
        split,
        entry.name,
        entry.label,
        entry.height,
        entry.width,
        entry.scores,
        thumbnail,
    ]


def make_gallery(
    entries: Iterable[tuple[str, Entry]],
    scores: Sequence[str],
    title: str,
    about: str,
    max_bytes: int,
    rows: Sequence[InfluenceRow] | None = None,
) -> Gallery:
    """Returns the page.

    Args:
      entries: split and example, in the order to show.
      scores: names of the score columns.
      title: printed above.
      about: a sentence on the data set, printed below.
      max_bytes: size of the page at most. Thumbnails come first; pictures at full size
        are added, in order, as long as they fit.
      rows: of an influence page; None for a flat gallery.

    Raises:
      UserError: the thumbnails alone are larger.
    """
    examples: list[list[Any]] = []
    classes: dict[int, tuple[str, str]] = {}
    full: list[tuple[str, str]] = []
    spent = 0
    for split, entry in entries:
        examples.append(_fields(split, entry))
        classes[entry.label] = (entry.synset, entry.text)
        if entry.image is not None and spent + len(entry.image) <= max_bytes:
            content = base64.b64encode(entry.image).decode()
            full.append((key_of(split, entry.index), content))
            spent += len(content)
    data = script_json(
        {
            'scores': list(scores),
            'classes': {str(label): classes[label] for label in sorted(classes)},
            'examples': examples,
            'rows': None if rows is None else [dataclasses.asdict(row) for row in rows],
        }
    )
    pictures = any(fields[-1] for fields in examples)
    room = max_bytes - len(_fill(title, about, data, [], pictures))
    if room < 0:
        raise UserError(
            f'{counted(len(examples), "example")} take {max_bytes - room:,} bytes '
            f'without pictures at full size (expected at most {max_bytes:,}, '
            '--max_bytes); choose fewer with --n or --random, or raise --max_bytes'
        )
    fitting = []
    for key, content in full:
        room -= len(content) + _AROUND_FULL
        if room < 0:
            break
        fitting.append((key, content))
    return Gallery(_fill(title, about, data, fitting, pictures), len(fitting))


def _fill(
    title: str, about: str, data: str, full: Sequence[tuple[str, str]], pictures: bool
) -> bytes:
    html = render(
        'gallery.html.j2',
        title=title,
        about=about,
        css=Markup(template_text('base.css') + template_text('gallery.css')),
        script=Markup(template_text('gallery.js')),
        data=Markup(data),
        full=[(key, Markup(content)) for key, content in full],
        pictures=pictures,
    )
    return html.encode()
