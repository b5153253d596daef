"""Measures the memory that an image takes in a build.

    .venv/bin/python tests/bench/memory.py

Builds as many examples as the full training set has, and a tenth of them. Each image
is a link to one of a few small ones. The difference between the two builds, divided by
the difference in images, is the memory per image.
"""

import argparse
import pathlib

import contestants
import processes
import trees
from rich.console import Console
from rich.table import Table


def measure_memory(folder: pathlib.Path, num_examples: int) -> Table:
    """Builds a tenth of the images with a small and a full index, then all of them."""
    tenth = num_examples // 10
    table = Table(title='memory of a build')
    for column in (
        'images',
        'index',
        'all processes, MB',
        'largest process, MB',
        'seconds',
    ):
        table.add_column(column)
    build, output = contestants.build(shards=1024), folder / 'output'
    totals = []
    for count, length in ((tenth, tenth), (tenth, num_examples), (num_examples,) * 2):
        tree = trees.make_small(folder, count, length)
        contestants.clear(output)
        places = {'images': tree, 'output': output}
        run = processes.run([part.format(**places) for part in build.command])
        totals.append(run.total_mb)
        cells = (count, length, run.total_mb, run.largest_mb, run.seconds)
        table.add_row(*(f'{cell:,.0f}' for cell in cells))
    contestants.clear(output)
    more = num_examples - tenth
    per_image = [(totals[2] - total) * 1e6 / more for total in totals]
    table.caption = (
        f'bytes per image in all processes together: {per_image[1]:.0f} for its row, '
        f'{per_image[0] - per_image[1]:.0f} for its part of the index'
    )
    return table


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--folder', default='bench', help='for images and outputs')
    parser.add_argument(
        '--images', type=int, default=1_281_167, help='images of the larger build'
    )
    flags = parser.parse_args()
    folder = pathlib.Path(flags.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    Console(width=100).print(measure_memory(folder, flags.images))


if __name__ == '__main__':
    main()
