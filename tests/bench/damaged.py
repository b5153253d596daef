"""Shows what the quick check of images misses, by kind of damage.

    .venv/bin/python tests/bench/damaged.py

Pictures of every kind and of ImageNet's size are damaged, with a fixed seed, and
TensorFlow's decoder is asked which of them it rejects. The quick check misses a
file that the decoder rejects and it takes. That it rejects none that the decoder
takes is seen to as well.
"""

import argparse
import pathlib
import sys

from rich.console import Console
from rich.table import Table

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.shard_info import QUICK
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from support import damage


def _is_taken(data: bytes) -> bool | None:
    """Whether the quick check takes a file; None if it is beyond its bounds."""
    try:
        check_image(data, QUICK)
    except InvalidImageError as error:
        return None if str(error).startswith('too ') else False
    return True


def count_missed(kind: str, wholes: list[bytes], count: int) -> tuple[int, int, int]:
    """Files of a kind that the decoder was asked about, rejects, the check missed.

    It is not asked about files beyond the bounds, which the check rejects.
    """
    asked = rejected = missed = 0
    for data in damage.damaged(kind, wholes, count):
        taken = _is_taken(data)
        if taken is None:
            continue
        asked += 1
        if not damage.decoder_takes(data):
            rejected += 1
            missed += taken
        elif not taken:
            sys.exit(f'{kind}: a file that the decoder takes is rejected')
    return asked, rejected, missed


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--files', type=int, default=500, help='files of each kind')
    parser.add_argument('--pictures', type=int, default=3, help='different motifs')
    flags = parser.parse_args()
    wholes = []
    for seed in range(flags.pictures):
        made = damage.make_pictures(pictures.make_pixels(seed), seed)
        # The note is there for the tests: no ordinary file has an end marker in it.
        wholes += [made[name] for name in made if 'note' not in name]
    table = Table('damage', 'files', 'the decoder rejects', 'of those missed', '%')
    for column in table.columns[1:]:
        column.justify = 'right'
    for kind in damage.DAMAGES:
        counts = count_missed(kind, wholes, flags.files)
        _, rejected, missed = counts
        share = f'{missed / rejected:.1%}' if rejected else '-'
        table.add_row(kind, *(f'{count:,}' for count in counts), share)
    Console(width=100).print(table)


if __name__ == '__main__':
    main()
