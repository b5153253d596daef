"""Measures a build: its time against `tar`, and what memory an image takes.

    .venv/bin/python tests/bench/build.py time
    .venv/bin/python tests/bench/build.py memory

`time` makes images with the sample generator and builds them in turn with
`tar cf` of the same files, both from memory; what either wrote is deleted and
the disk is let finish in between. `memory` builds the full training set's
number of examples and a tenth of it, each image a link to one of a few small
ones: what the larger build takes more is what an image takes.
"""

import argparse
import os
import pathlib
import platform
import shutil
import statistics
import sys

import numpy as np
import processes
from rich.console import Console
from rich.table import Table

from pipeline import sample, sample_pictures
from transforms.convert_picture import tensorflow

# Links to one file that any file system allows.
_LINKS = 20_000


def _build_command(images: pathlib.Path, output: pathlib.Path, shards: int) -> list[str]:
    return [
        sys.executable,
        '-m',
        'pipeline',
        'build',
        f'--train_directory={images}/train',
        f'--imagenet_index_file={images}/{sample.INDEX_FILE}',
        f'--output_directory={output}',
        f'--train_shards={shards}',
    ]


def _tar_command(images: pathlib.Path, output: pathlib.Path) -> list[str]:
    return ['tar', 'cf', str(output), '-C', str(images), 'train']


def _clear(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    os.sync()


def measure_time(folder: pathlib.Path, num_images: int, num_runs: int) -> Table:
    """Builds and tars the same images in turn; the first round warms up."""
    images, shards, tar = folder / f'{num_images}', folder / 'shards', folder / 'tar'
    made = sample.Sample(num_images, 1, classes=1000, pictures=500, plain=True)
    sample.make_sample(images, made, Console(stderr=True))
    sizes = [path.stat().st_size for path in (images / 'train').glob('*/*')]
    builds, tars = [], []
    for turn in range(num_runs + 1):
        for path in (shards, tar):
            _clear(path)
        build = processes.run(_build_command(images, shards, shards=64))
        _clear(shards)
        archived = processes.run(_tar_command(images, tar))
        if turn:
            builds.append(build)
            tars.append(archived)
    _clear(tar)
    ratios = [b.seconds / t.seconds for b, t in zip(builds, tars, strict=True)]
    table = Table(title=f'{num_images:,} JPEGs of {np.mean(sizes) / 1e3:.0f} kB')
    for column in ('', 'median', 'least', 'most'):
        table.add_column(column)
    for name, values, form in (
        ('build, s', [b.seconds for b in builds], '.1f'),
        ('tar cf, s', [t.seconds for t in tars], '.1f'),
        ('build / tar, pair by pair', ratios, '.2f'),
        ('largest process, MB', [b.largest_mb for b in builds], '.0f'),
        ('all processes, MB', [b.total_mb for b in builds], '.0f'),
    ):
        cells = (statistics.median(values), min(values), max(values))
        table.add_row(name, *(format(cell, form) for cell in cells))
    return table


def _make_links(folder: pathlib.Path, names: list[bytes], sources: pathlib.Path) -> None:
    """Fills a tree of class folders with links to a few small images."""
    tf = tensorflow()
    sources.mkdir(parents=True, exist_ok=True)
    pictures = []
    for number in range(-(-len(names) // _LINKS)):
        pixels = sample_pictures.make_pixels(number)[:128, :128]
        pictures.append(sources / f'{number}.JPEG')
        pictures[-1].write_bytes(tf.io.encode_jpeg(pixels, quality=80).numpy())
    for number, name in enumerate(names):
        path = folder / name.decode().partition('_')[0] / name.decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(pictures[number % len(pictures)], path)


def measure_memory(folder: pathlib.Path, num_examples: int) -> Table:
    """Builds a tenth of the images with a small and the full index, then all."""
    tenth = num_examples // 10
    table = Table(title='memory of a build')
    for column in ('images', 'index', 'all processes, MB', 'largest, MB', 'seconds'):
        table.add_column(column)
    totals = []
    for count, length in ((tenth, tenth), (tenth, num_examples), (num_examples,) * 2):
        tree = folder / f'links-{count}-of-{length}'
        if not (tree / sample.INDEX_FILE).exists():
            index = sample.make_index(sample.Sample(length, 1, classes=1000))
            names = index['tr_filenames'].tolist()[:count]
            _make_links(tree / 'train', names, tree / 'sources')
            np.savez(tree / sample.INDEX_FILE, **index)
        run = processes.run(_build_command(tree, folder / 'shards', shards=1024))
        _clear(folder / 'shards')
        totals.append(run.total_mb)
        cells = (count, length, run.total_mb, run.largest_mb, run.seconds)
        table.add_row(*(f'{cell:,.0f}' for cell in cells))
    more = num_examples - tenth
    per_image = [(totals[2] - total) * 1e6 / more for total in totals]
    table.caption = (
        f'bytes an image in all processes together: {per_image[1]:.0f} for its row, '
        f'{per_image[0] - per_image[1]:.0f} for its part of the index'
    )
    return table


def main() -> None:
    """Measures what the arguments say, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('what', choices=('time', 'memory'))
    parser.add_argument('--folder', default='bench', help='for images and outputs')
    parser.add_argument('--images', type=int, help='48,000, or 1,281,167 for memory')
    parser.add_argument('--runs', type=int, default=5, help='counted runs (default: 5)')
    flags = parser.parse_args()
    folder = pathlib.Path(flags.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if flags.what == 'time':
        table = measure_time(folder, flags.images or 48_000, flags.runs)
    else:
        table = measure_memory(folder, flags.images or 1_281_167)
    console = Console(width=100)
    console.print(table)
    console.print(f'{platform.machine()}, {os.cpu_count()} cores, {platform.system()}')


if __name__ == '__main__':
    main()
