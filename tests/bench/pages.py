"""Measures pages: a selection at full size, a page of 1,000 pictures, a report.

    .venv/bin/python tests/bench/pages.py

Each command runs in a process of its own. The selection is of 1,281,167 examples, of
which only the files beside the shards exist; the page and the first report are of 5,000
photographs that are in memory. The report of the full set reads 1,000 records, as that
of the photographs does, and the files beside the shards, which are measured alone.
"""

import argparse
import pathlib
import statistics
import sys

import numpy as np
import processes
from readers import FULL_SET, build_photos, make_full_index
from rich.console import Console
from rich.table import Table

from indexed_imagenet.transforms.formats import layout

ROOT = pathlib.Path(__file__).parents[2]

_BESIDE = """
import sys
from indexed_imagenet import IndexedDataset
from indexed_imagenet.pages import build_report
build_report._sizes = lambda dataset, indices: build_report.np.tile(  # no records
    (375, 500), (len(indices), 1)
)
html = build_report.make_report([IndexedDataset(sys.argv[1])])
assert len(html) > 10_000
"""


def add_scores(folder: pathlib.Path) -> None:
    """Leaves scores beside the full set's offsets."""
    path = pathlib.Path(layout.scores_path(str(folder), 'train'))
    if not path.exists():
        random = np.random.RandomState(0)
        np.savez(path, tr_mem=random.beta(0.3, 2, FULL_SET))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--folder', type=pathlib.Path, default=ROOT / 'bench')
    parser.add_argument('--rounds', type=int, default=5)
    flags = parser.parse_args()
    photos = build_photos(flags.folder, 5_000)
    full = make_full_index(flags.folder)
    add_scores(full)
    program = [sys.executable, '-m', 'indexed_imagenet']
    page = str(flags.folder / 'page.html')
    where = 'tr_mem > 0.8 and (label == 207 or label < 100)'
    commands = {
        'selection of 1,281,167, by a condition': [
            *[*program, 'show', str(full), '--where', where],
            *['--no_pictures', '--top', 'tr_mem', '--output', page],
        ],
        'selection of 1,281,167, the highest 50': [
            *[*program, 'show', str(full), '--top', 'tr_mem'],
            *['--no_pictures', '--output', page],
        ],
        'page of 1,000 photographs': [
            *[*program, 'show', str(photos), '--random', '1000', '--output', page]
        ],
        'report of 5,000 photographs': [
            *[*program, 'report', str(photos), '--output', page]
        ],
        'report of 1,281,167, without records': [
            sys.executable, '-c', _BESIDE, str(full)
        ],
    }  # fmt: skip
    taken: dict[str, list[processes.Run]] = {name: [] for name in commands}
    for _ in range(flags.rounds):
        for name, command in commands.items():
            taken[name].append(processes.run(command))
    table = Table('', 's', 'least–most', 'MB', title='Pages')
    for name, runs in taken.items():
        seconds = [run.seconds for run in runs]
        table.add_row(
            name,
            f'{statistics.median(seconds):.2f}',
            f'{min(seconds):.2f}–{max(seconds):.2f}',
            f'{max(run.total_mb for run in runs):.0f}',
        )
    Console().print(table)


if __name__ == '__main__':
    main()
