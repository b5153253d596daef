"""Measures what the quick check of images misses, by kind of damage.

    .venv/bin/python tests/bench/damaged.py
    .venv/bin/python tests/bench/damaged.py --directory=DIR

Images of every kind and of ImageNet's size are damaged, with a fixed seed, and
TensorFlow's decoder is asked which of them it rejects. The quick check misses a file
if the decoder rejects it and the check does not. If the check rejects a file that the
decoder accepts, the program stops with an error.

With ``--directory``, the JPEGs and PNGs below it are looked at as they are instead.
"""

import argparse
import pathlib
import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.shard_info import QUICK
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image
from indexed_imagenet.transforms.images.jpeg_header import starts_as_jpeg
from indexed_imagenet.transforms.images.png_header import starts_as_png

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from support import damage


def _passes_quick_check(data: bytes) -> bool | None:
    """Returns the quick check's decision, or None for a file beyond its limits."""
    try:
        check_image(data, QUICK)
    except InvalidImageError as error:
        return None if str(error).startswith('too ') else False
    return True


def count_missed(kind: str, files: Iterable[bytes]) -> tuple[int, int, int]:
    """Counts files: decoded, rejected by the decoder, missed by the check.

    Files beyond the limits of the check are not decoded.
    """
    decoded = rejected = missed = 0
    for data in files:
        passes = _passes_quick_check(data)
        if passes is None:
            continue
        decoded += 1
        if not damage.decoder_accepts(data):
            rejected += 1
            missed += passes
        elif not passes:
            sys.exit(f'{kind}: the check rejects a file that the decoder accepts')
    return decoded, rejected, missed


def read_images(directory: pathlib.Path) -> Iterator[bytes]:
    """Yields the content of each JPEG and PNG below a directory."""
    for path in sorted(directory.rglob('*')):
        if path.is_file():
            data = path.read_bytes()
            if starts_as_jpeg(data) or starts_as_png(data):
                yield data


def make_files(num_images: int, num_files: int) -> Iterator[tuple[str, list[bytes]]]:
    """Yields the damaged files of each kind."""
    wholes = []
    for seed in range(num_images):
        made = damage.make_images(pictures.make_pixels(seed), seed)
        # The note is for the tests: ordinary files have no end marker in a comment.
        wholes += [made[name] for name in made if 'note' not in name]
    for kind in damage.DAMAGES:
        yield kind, damage.make_damaged(kind, wholes, num_files)


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--files', type=int, default=500, help='files per kind of damage')
    parser.add_argument('--images', type=int, default=3, help='different motifs')
    parser.add_argument('--directory', type=pathlib.Path, help='real images instead')
    flags = parser.parse_args()
    table = Table('damage', 'files', 'rejected by the decoder', 'of those, missed', '%')
    for column in table.columns[1:]:
        column.justify = 'right'
    sets = make_files(flags.images, flags.files)
    if flags.directory:
        sets = iter([(flags.directory.name, read_images(flags.directory))])
    for kind, files in sets:
        counts = count_missed(kind, files)
        _, rejected, missed = counts
        share = f'{missed / rejected:.1%}' if rejected else '-'
        table.add_row(kind, *(f'{count:,}' for count in counts), share)
    Console(width=100).print(table)


if __name__ == '__main__':
    main()
