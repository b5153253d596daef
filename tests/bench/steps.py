"""Measures what each step of the work on an image costs, in one process without Beam.

    .venv/bin/python tests/bench/steps.py

Reads, checks, encodes and writes photographs that are in memory, and measures each
step. The table shows medians of several rounds. The floor is the least that any
program must do: read, checksum and write, without checking or encoding.
"""

import argparse
import os
import pathlib
import statistics
import time

import contestants
import trees
from rich.console import Console
from rich.table import Table

from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.transforms.elements import Record
from indexed_imagenet.transforms.formats.example_encoder import ExampleEncoder
from indexed_imagenet.transforms.formats.tfrecord import crc32c, crc32c_of_parts, frame
from indexed_imagenet.transforms.images.check_image import check_image
from indexed_imagenet.transforms.inputs import read_images
from indexed_imagenet.transforms.rows import WHOLE, Row
from indexed_imagenet.transforms.write_tfrecord import ShardWriter

# Steps in their order. A dot marks a part of the step above it, measured on its own.
STEPS = (
    'open, start read-ahead',
    'read',
    'check',
    'encode',
    'checksum, frame, write',
    '· checksum',
    '· write',
)


def measure_steps(paths: list[pathlib.Path], output: pathlib.Path) -> dict[str, float]:
    """Returns the seconds that each step took for all images."""
    encoder = ExampleEncoder(load_labels(str(SYNSETS_FILE), str(METADATA_FILE)))
    taken = dict.fromkeys(STEPS, 0.0)
    (output / '.build').mkdir(parents=True)
    writer = ShardWriter(str(output / 'train'), 0, 1)
    fd_out = os.open(output / 'alone', os.O_WRONLY | os.O_CREAT)
    clock = time.perf_counter
    for position, path in enumerate(paths):
        row = Row(position, 0, 0, WHOLE, b'', path.name.encode())
        times = [clock()]
        fd = read_images._open(str(path), row)
        times.append(clock())
        content = read_images._read_fd(fd, row)
        os.close(fd)
        times.append(clock())
        image = check_image(content)
        times.append(clock())
        parts = encoder.encode(
            row.index, row.name, row.label, image.encoded, image.height, image.width
        )
        times.append(clock())
        writer.write(Record(0, position, row.index, parts))
        times.append(clock())
        crc = crc32c_of_parts(parts)
        times.append(clock())
        os.writev(fd_out, frame(parts, crc))
        times.append(clock())
        for step, start, end in zip(STEPS, times[:-1], times[1:], strict=True):
            taken[step] += end - start
    writer.abort()
    os.close(fd_out)
    return taken


def measure_floor(paths: list[pathlib.Path], output: pathlib.Path) -> float:
    """Returns the seconds to read, checksum and write all images."""
    fd_out = os.open(output / 'floor', os.O_WRONLY | os.O_CREAT)
    start = time.perf_counter()
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        data = os.read(fd, os.fstat(fd).st_size)
        os.close(fd)
        os.writev(fd_out, frame([data], crc32c(data)))
    seconds = time.perf_counter() - start
    os.close(fd_out)
    return seconds


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--folder', default='bench', help='for images and outputs')
    parser.add_argument('--rounds', type=int, default=5, help='rounds (default: 5)')
    parser.add_argument(
        '--images', type=int, default=5_000, help='photographs (default: 5,000)'
    )
    flags = parser.parse_args()
    folder = pathlib.Path(flags.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tree = trees.take_some(trees.make_photos(folder, 50_000), flags.images)
    paths = sorted((tree / 'train').glob('*/*'))
    rounds, floors = [], []
    for _ in range(flags.rounds + 1):
        output = folder / 'output'
        contestants.clear(output)
        os.sync()
        rounds.append(measure_steps(paths, output))
        floors.append(measure_floor(paths, output))
    contestants.clear(output)
    table = Table(title=f'µs per image of {trees.mean_kilobytes(tree):.0f} kB')
    table.add_column('step')
    table.add_column('median', justify='right')
    table.add_column('least', justify='right')
    for step in STEPS:
        taken = [one[step] / len(paths) * 1e6 for one in rounds[1:]]
        table.add_row(step, f'{statistics.median(taken):.1f}', f'{min(taken):.1f}')
    floor = [seconds / len(paths) * 1e6 for seconds in floors[1:]]
    table.add_row('floor', f'{statistics.median(floor):.1f}', f'{min(floor):.1f}')
    Console(width=100).print(table)


if __name__ == '__main__':
    main()
