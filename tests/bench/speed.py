"""Measures builds side by side with `tar`, plain loops and Beam's own writer.

    .venv/bin/python tests/bench/speed.py
    .venv/bin/python tests/bench/speed.py --only=warm --other=../before

In each round of a scenario, every contestant runs once, in turn. Before each run, the
output of the last one is deleted and the disk is synced. Ratios are between runs of
the same round; the tables show their medians. The first round warms up and does not
count, unless images are read from the disk.

The results go into `results.json` in this folder, and one line per scenario into
`history.csv`, which shows the effect of each change.
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
from collections.abc import Callable, Sequence
from typing import NamedTuple

import contestants
import processes
import slow_store
import trees
from contestants import Contestant
from rich.console import Console
from rich.table import Table

_HERE = pathlib.Path(__file__).parent
RESULTS = _HERE / 'results.json'
HISTORY = _HERE / 'history.csv'
_HISTORY_FIELDS = (
    'date',
    'commit',
    'change',
    'scenario',
    'rounds',
    'build_s',
    'first_image_s',
    'cpu_s',
    'all_processes_mb',
    'build/tar',
    'build/other',
)

FULL_SET = 1_281_167


class Scenario(NamedTuple):
    """Contestants that run in turn on the same images.

    Attributes:
      title: for tables.
      make_tree: makes the images in a folder, unless they exist.
      contestants: in the order of a round.
      is_cold: whether images are dropped from memory before each run.
    """

    title: str
    make_tree: Callable[[pathlib.Path], pathlib.Path]
    contestants: Sequence[Contestant]
    is_cold: bool = False


def _photos(folder: pathlib.Path) -> pathlib.Path:
    return trees.make_photos(folder, 50_000)


def _some_photos(count: int) -> Callable[[pathlib.Path], pathlib.Path]:
    return lambda folder: trees.take_some(_photos(folder), count)


def _small(folder: pathlib.Path) -> pathlib.Path:
    return trees.make_small(folder, FULL_SET, FULL_SET)


def _scenarios() -> dict[str, Scenario]:
    build, verify, tar = contestants.build(), contestants.verify(), contestants.tar()
    loop = contestants.loop()
    decode = contestants.loop('--decode', name='loop with decode')
    late = contestants.loop(f'--delay={slow_store.DELAY}', most_runs=1)
    scenarios = {
        'warm-5000': Scenario(
            '5,000 photographs, in memory',
            _some_photos(5_000),
            (build, verify, tar, loop, decode, contestants.stock()),
        ),
        'warm': Scenario(
            '50,000 photographs, in memory', _photos, (build, verify, tar, loop)
        ),
        'cold': Scenario(
            '50,000 photographs, from the disk', _photos, (build, tar, loop), is_cold=True
        ),
        'remote': Scenario(
            '5,000 photographs, 20 ms more for each read',
            _some_photos(5_000),
            (contestants.build_remote(), late),
        ),
        'small': Scenario(
            f'{FULL_SET:,} images of 4 kB, in memory',
            _small,
            (contestants.build(1024), verify, tar),
        ),
    }
    for count in (5_000, 15_000, 30_000, 50_000):
        scenarios[f'scaling-{count}'] = Scenario(
            f'{count:,} photographs, by workers',
            _photos if count == 50_000 else _some_photos(count),
            (contestants.build_with(1), contestants.build_with(2)),
        )
    return scenarios


def _python_path() -> str:
    """Returns PYTHONPATH for the commands: with this folder, for ``slow_store``."""
    inherited = os.environ.get('PYTHONPATH')
    return os.pathsep.join([str(_HERE), *([inherited] if inherited else [])])


def measure(
    scenario: Scenario, folder: pathlib.Path, rounds: int, console: Console
) -> dict:
    """Runs a scenario, and returns the results as `results.json` has them."""
    tree, output = scenario.make_tree(folder), folder / 'output'
    runs: dict[str, list[processes.Run]] = {}
    sizes: dict[str, int] = {}
    for turn in range(rounds if scenario.is_cold else rounds + 1):
        for contestant in scenario.contestants:
            done = runs.setdefault(contestant.name, [])
            if len(done) >= contestant.most_runs:
                continue
            if not contestant.keeps:
                contestants.clear(output)
                os.sync()
            if scenario.is_cold:
                trees.forget(tree)
            places = {'images': str(tree), 'output': str(output)}
            run = processes.run(
                [part.format(**places) for part in contestant.command],
                contestant.folder or str(_HERE.parents[1]),
                {'PYTHONPATH': _python_path()},
                watched=(output / '.build', 'train-*'),  # when the first image is read
            )
            sizes[contestant.name] = contestants.size_of(output)
            is_warm_up = turn == 0 and not scenario.is_cold
            console.print(
                f'{contestant.name}: {run.seconds:.2f} s' + ' (warm-up)' * is_warm_up
            )
            if not is_warm_up or contestant.most_runs == 1:
                done.append(run)
    contestants.clear(output)
    return {
        'title': scenario.title,
        'images': sum(1 for _ in (tree / 'train').glob('*/*')),
        'kilobytes': round(trees.mean_kilobytes(tree), 1),
        'contestants': {
            name: {
                **{
                    field: [getattr(run, field) for run in done]
                    for field in processes.Run._fields
                },
                'bytes_written': 0 if name == 'verify' else sizes[name],
            }
            for name, done in runs.items()
        },
    }


def ratio(result: dict, name: str, other: str) -> float | None:
    """Returns the median, over the rounds, of the ratio of two contestants' times."""
    both = [result['contestants'].get(key, {}).get('seconds') for key in (name, other)]
    if not all(both):
        return None
    return statistics.median(a / b for a, b in zip(*both, strict=False))


def make_table(result: dict) -> Table:
    """Returns a scenario's results as a table for the terminal."""
    table = Table(title=f'{result["title"]} ({result["kilobytes"]:.0f} kB)')
    columns = ('', 's', 'least–most', '/ tar', 'µs/image', 'CPU s', 'all MB', 'GB out')
    for column in columns:
        table.add_column(column, justify='left' if not column else 'right')
    for name, values in result['contestants'].items():
        seconds = values['seconds']
        to_tar = ratio(result, name, 'tar')
        table.add_row(
            name,
            f'{statistics.median(seconds):.2f}',
            f'{min(seconds):.1f}–{max(seconds):.1f}',
            '' if to_tar is None else f'{to_tar:.2f}',
            f'{statistics.median(seconds) / result["images"] * 1e6:,.0f}',
            f'{statistics.median(values["cpu"]):.1f}',
            f'{max(values["total_mb"]):,.0f}',
            f'{values["bytes_written"] / 1e9:.2f}',
        )
    first = [f for f in result['contestants'].get('build', {}).get('first', []) if f]
    if first:
        table.caption = f'first image after {statistics.median(first):.2f} s'
    return table


def _commit() -> str:
    git = ['git', '-C', str(_HERE.parents[1])]
    name = subprocess.run(
        [*git, 'describe', '--always'], capture_output=True, text=True
    ).stdout.strip()
    # The results are in tests/, so changes there do not count.
    changed = [*git, 'diff', '--quiet', 'HEAD', '--', '.', ':!tests']
    return name + '-dirty' * bool(subprocess.run(changed).returncode)


def _note_history(name: str, result: dict, change: str) -> None:
    build = result['contestants'].get('build')
    if build is None:
        return
    is_new = not HISTORY.exists()
    ratios = [ratio(result, 'build', other) for other in ('tar', 'other build')]
    first = [seconds for seconds in build['first'] if seconds]
    row = (
        datetime.date.today().isoformat(),
        _commit(),
        change,
        name,
        len(build['seconds']),
        f'{statistics.median(build["seconds"]):.2f}',
        f'{statistics.median(first):.2f}' if first else '',
        f'{statistics.median(build["cpu"]):.2f}',
        f'{max(build["total_mb"]):.0f}',
        *('' if value is None else f'{value:.2f}' for value in ratios),
    )
    with HISTORY.open('a', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        if is_new:
            writer.writerow(_HISTORY_FIELDS)
        writer.writerow(row)


def _note_results(name: str, result: dict) -> None:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    machine = f'{platform.machine()}, {os.cpu_count()} cores, {platform.system()}'
    result = {'commit': _commit(), 'machine': machine, **result}
    RESULTS.write_text(json.dumps(results | {name: result}, indent=1) + '\n')


def main() -> None:
    """Measures, prints tables and writes the results to files."""
    scenarios = _scenarios()
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--only', help=f'comma-separated, of {",".join(scenarios)}')
    parser.add_argument('--folder', default='bench', help='for images and outputs')
    parser.add_argument(
        '--rounds', type=int, default=5, help='rounds that count (default: 5)'
    )
    parser.add_argument('--other', help='another checkout, to build with as well')
    parser.add_argument('--change', default='', help='description for history.csv')
    parser.add_argument('--dry', action='store_true', help='do not write results')
    flags = parser.parse_args()
    if flags.other and not pathlib.Path(flags.other, contestants.VENV_PYTHON).exists():
        parser.error(
            f'--other={flags.other} has no {contestants.VENV_PYTHON}; run '
            './run_local.sh --help there first'
        )
    folder = pathlib.Path(flags.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    names = flags.only.split(',') if flags.only else list(scenarios)
    unknown = set(names) - set(scenarios)
    if unknown:
        parser.error(
            f'--only: unknown {", ".join(sorted(unknown))} (expected some of '
            f'{", ".join(scenarios)})'
        )
    console = Console(width=100)
    for name in names:
        scenario = scenarios[name]
        if flags.other:
            shards = 1024 if name == 'small' else contestants.SHARDS
            other = contestants.build_of(os.path.abspath(flags.other), shards)
            scenario = scenario._replace(contestants=(*scenario.contestants, other))
        result = measure(scenario, folder, flags.rounds, console)
        if not flags.dry:
            _note_results(name, result)
            _note_history(name, result, flags.change)
        console.print(make_table(result))
        by_other = ratio(result, 'build', 'other build')
        if by_other:
            console.print(f'build / other build, round by round: {by_other:.3f}')


if __name__ == '__main__':
    main()
