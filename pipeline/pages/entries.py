"""What a page says of one example, and the pictures of it."""

import concurrent.futures
import dataclasses
import io
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from indexed_imagenet.pages.columns import Columns
from indexed_imagenet.readers.batches import read_batches

# Pixels of a thumbnail's longer side, and its JPEG quality: 4 kB each.
THUMBNAIL = 160
_QUALITY = 80


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One example of a page.

    Attributes:
      index, name, label, synset, text: of the record.
      height, width: of the picture, pixels, as stored.
      scores: one value per score column; None where there is none.
      thumbnail: a small JPEG; None without pictures.
      image: the record's own JPEG; None without pictures.
    """

    index: int
    name: str
    label: int
    synset: str
    text: str
    height: int
    width: int
    scores: tuple[float | None, ...]
    thumbnail: bytes | None
    image: bytes | None


def make_thumbnail(image: bytes, side: int = THUMBNAIL) -> bytes:
    """Returns a small JPEG of a picture, as stored: EXIF rotation is not applied."""
    with Image.open(io.BytesIO(image)) as opened:
        # The decoder's own reduction: 2.6 instead of 3.9 ms per photograph.
        opened.draft('RGB', (2 * side, 2 * side))
        small = opened.convert('RGB')
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, 'JPEG', quality=_QUALITY, optimize=True)
    return file.getvalue()


def _scores_of(columns: Columns, index: int) -> tuple[float | None, ...]:
    values = [float(columns.score(name)[index]) for name in columns.scores]
    return tuple(value if np.isfinite(value) else None for value in values)


def make_entries(
    columns: Columns,
    indices: Sequence[int],
    pictures: bool = True,
    on_progress: Callable[[int], None] = lambda count: None,
) -> Iterator[Entry]:
    """Yields the entries of some examples, in order.

    Args:
      columns: of the split.
      indices: which.
      pictures: whether pictures are read; without them, what an entry says comes from
        the files beside the shards, and height and width are 0.
      on_progress: called with the number of entries made so far.

    Raises:
      MissingExampleError, CorruptRecordError: an example cannot be read.
    """
    dataset = columns.dataset
    if not pictures:
        for count, index in enumerate(indices, 1):
            label = int(dataset.labels[index])
            image_class = dataset.classes[label]
            yield Entry(
                index,
                dataset.filename(index),
                label,
                image_class.synset,
                image_class.text,
                0,
                0,
                _scores_of(columns, index),
                None,
                None,
            )
            on_progress(count)
        return
    # Pillow decodes without the interpreter's lock.
    count = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for examples in read_batches(dataset, indices):
            thumbnails = pool.map(make_thumbnail, [each.image for each in examples])
            for example, thumbnail in zip(examples, thumbnails, strict=True):
                yield Entry(
                    example.index,
                    example.filename,
                    example.label,
                    example.synset,
                    example.text,
                    example.height,
                    example.width,
                    _scores_of(columns, example.index),
                    thumbnail,
                    example.image,
                )
                count += 1
                on_progress(count)
