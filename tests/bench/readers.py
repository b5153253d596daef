"""Measures the readers: single look-ups, opening, tf.data.

    .venv/bin/python tests/bench/readers.py

Look-ups and tf.data read 5,000 photographs that are in memory; opening is measured with
the offsets of 1,281,167 examples, in a fresh process. Contestants run in turn in every
round; the figures are medians over the rounds, and ratios are of the same round.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import contestants
import numpy as np
import trees
from rich.console import Console
from rich.table import Table

from indexed_imagenet import IndexedDataset
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.build_id import make_build_id
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.formats.manifest import Manifest, ShardEntry
from indexed_imagenet.transforms.formats.offsets import make_offsets
from indexed_imagenet.transforms.formats.shard_info import (
    QUICK,
    RECORD_DTYPE,
    ShardInfo,
    digest_records,
)
from indexed_imagenet.transforms.formats.shuffle import Shuffle
from indexed_imagenet.transforms.formats.tfrecord import PAYLOAD_OFFSET

FULL_SET = 1_281_167

_BATCH = 50

_OPEN = """
import sys, time
begin = time.perf_counter()
from indexed_imagenet import IndexedDataset
imported = time.perf_counter()
ds = IndexedDataset(sys.argv[1])
ds._place(950353)
opened = time.perf_counter()
ds.find('n00000353_950353.JPEG')
print(imported - begin, opened - imported, time.perf_counter() - opened)
"""


def build_photos(folder: pathlib.Path, count: int) -> pathlib.Path:
    """Builds photographs, unless the folder has them already."""
    output = folder / f'readers-{count}'
    if not layout_exists(output):
        tree = trees.make_photos(folder, count)
        places = {'images': tree, 'output': output}
        command = [part.format(**places) for part in contestants.build().command]
        subprocess.run(command, check=True, cwd=pathlib.Path(__file__).parents[2])
    return output


def layout_exists(output: pathlib.Path) -> bool:
    """Returns whether a training set is finished there."""
    return pathlib.Path(layout.offsets_path(str(output), 'train')).exists()


def make_full_index(folder: pathlib.Path) -> pathlib.Path:
    """Makes manifest and offsets of the full training set, without its shards."""
    output = folder / 'offsets-of-the-full-set'
    if layout_exists(output):
        return output
    output.mkdir(parents=True, exist_ok=True)
    random = np.random.RandomState(0)
    names = np.array([b'n%08d_%d.JPEG' % (i % 1000, i) for i in range(FULL_SET)])
    numbers = np.array([int(name[1:9]) for name in names.tolist()], np.int16)
    index = SplitIndex(names, numbers)
    labels = load_labels(str(SYNSETS_FILE), str(METADATA_FILE))
    shuffle = Shuffle(FULL_SET, 1024, 0)
    build_id = make_build_id('train', index, labels, shuffle)
    infos, entries = {}, []
    for shard, name in enumerate(layout.shard_names('train', 1024)):
        present = shuffle.expected(shard)
        records = np.zeros(len(present), RECORD_DTYPE)
        records['index'] = present
        records['length'] = random.randint(50_000, 200_000, len(present))
        info = ShardInfo(build_id.digest, 'x' * 64, QUICK, (), records)
        infos[shard] = info
        entries.append(
            ShardEntry(name, len(records), info.num_bytes, info.digest, info.rows)
        )
    offsets = make_offsets(infos, index)
    pathlib.Path(layout.offsets_path(str(output), 'train')).write_bytes(offsets.to_npz())
    fingerprint = digest_records(offsets.in_order_of_index())
    manifest = Manifest(
        build_id, FULL_SET, 1000, 1, fingerprint, QUICK, (), (), (), tuple(entries)
    )
    pathlib.Path(layout.manifest_path(str(output), 'train')).write_bytes(
        manifest.to_json()
    )
    return output


def per_call(function: Callable[[int], object], keys: Sequence[int]) -> float:
    """Returns the seconds that one call takes, over all keys."""
    begin = time.perf_counter()
    for key in keys:
        function(key)
    return (time.perf_counter() - begin) / len(keys)


def measure_look_ups(output: pathlib.Path, rounds: int, table: Table) -> None:
    """Adds single look-ups in random order, and the bare reads of the same bytes."""
    ds = IndexedDataset(output)
    checked = IndexedDataset(output, verify=True)
    keys = np.random.RandomState(0).permutation(len(ds)).tolist()
    places = [ds._place(key) for key in range(len(ds))]
    files = [os.open(path, os.O_RDONLY) for path in ds._files.paths]

    def pread(key: int) -> object:
        shard, offset, length, _ = places[key]
        return os.pread(files[shard], length, offset + PAYLOAD_OFFSET)

    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, function in (
            ('bare pread', pread),
            ('ds[i]', ds.__getitem__),
            ('ds[i], verify=True', checked.__getitem__),
        ):
            found.setdefault(name, []).append(per_call(function, keys) * 1e6)
    size = sum(place[2] for place in places) / len(places) / 1000
    for name, times in found.items():
        table.add_row(
            f'{name}, {size:.0f} kB', f'{statistics.median(times):.1f} µs', span(times)
        )


def span(values: Sequence[float]) -> str:
    """Returns the least and the greatest."""
    return f'{min(values):.1f}–{max(values):.1f}'


def measure_opening(output: pathlib.Path, rounds: int, table: Table) -> None:
    """Adds opening the full set's offsets, in fresh processes."""
    found: list[list[float]] = []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, '-c', _OPEN, output], capture_output=True, check=True
        )
        found.append([1000 * float(part) for part in done.stdout.split()])
    for name, times in zip(
        ('import', 'open and find the place of one example', 'first find by name'),
        zip(*found, strict=True),
        strict=True,
    ):
        row = (f'1,281,167 examples: {name}', f'{statistics.median(times):.0f} ms')
        table.add_row(*row, span(times))


def measure_tf_data(output: pathlib.Path, rounds: int, table: Table) -> None:
    """Adds the whole split and a tenth of it, each beside plain TensorFlow."""
    import tensorflow as tf

    ds = IndexedDataset(output)
    paths = sorted(str(path) for path in output.glob('train-*-of-*'))
    tenth = np.random.RandomState(1).permutation(len(ds))[: len(ds) // 10]
    chosen = np.zeros(len(ds), bool)
    chosen[tenth] = True
    mask = tf.constant(chosen)
    features = {
        'index': tf.io.FixedLenFeature([], tf.int64),
        'image/encoded': tf.io.FixedLenFeature([], tf.string),
        'image/class/label': tf.io.FixedLenFeature([], tf.int64),
        'image/filename': tf.io.FixedLenFeature([], tf.string),
    }

    def plain() -> tf.data.Dataset:
        data = tf.data.TFRecordDataset(paths, num_parallel_reads=tf.data.AUTOTUNE)
        return data.map(
            lambda record: tf.io.parse_single_example(record, features),
            num_parallel_calls=tf.data.AUTOTUNE,
        ).prefetch(tf.data.AUTOTUNE)

    pairs = {
        'whole split': (plain, lambda: ds.as_tf_dataset(decode=False)),
        'a tenth': (
            lambda: plain().filter(lambda example: mask[example['index']]),
            lambda: ds.as_tf_dataset(tenth, decode=False),
        ),
    }
    for name, makers in pairs.items():
        rates: list[list[float]] = [[], []]
        count = len(ds) if name == 'whole split' else len(tenth)
        for _ in range(rounds + 1):
            for kind, make in enumerate(makers):
                begin = time.perf_counter()
                # In batches, as training takes them: one by one, Python's share is most.
                number = sum(len(batch['index']) for batch in make().batch(_BATCH))
                rates[kind].append(number / (time.perf_counter() - begin))
                assert number == count, (number, count)
        ratios = [ours / theirs for theirs, ours in zip(*rates, strict=True)][1:]
        for kind, label in enumerate(('plain TFRecordDataset', 'as_tf_dataset')):
            rate = statistics.median(rates[kind][1:])
            table.add_row(f'{name}, {label}', f'{rate:,.0f} images/s', '')
        table.add_row(
            f'{name}, ratio', f'{statistics.median(ratios):.2f} ×', span(ratios)
        )


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--folder', default='bench', help='for images and outputs')
    parser.add_argument('--images', type=int, default=5_000)
    parser.add_argument('--rounds', type=int, default=5)
    flags = parser.parse_args()
    folder = pathlib.Path(flags.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    table = Table(title='readers')
    for column in ('', 'median', 'least–most'):
        table.add_column(column)
    output = build_photos(folder, flags.images)
    measure_look_ups(output, flags.rounds, table)
    measure_opening(make_full_index(folder), flags.rounds, table)
    measure_tf_data(output, flags.rounds, table)
    Console(width=100).print(table)


if __name__ == '__main__':
    main()
