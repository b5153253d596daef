"""Makes the tables of this folder's README, and its chart, from the results.

.venv/bin/pip install -e .[show]
.venv/bin/python tests/bench/report.py
"""

import argparse
import json
import re
import statistics

from speed import RESULTS, ratio

CHART = RESULTS.with_name('scaling.svg')

_SCALING = re.compile(r'scaling-(\d+)')
_WORKERS = re.compile(r'build, (\d+) workers')


def make_rows(result: dict) -> list[str]:
    """Returns the table of one scenario, in Markdown."""
    rows = [
        '| | seconds | least–most | / `tar` | µs per image | CPU s | all processes |',
        '|---|---|---|---|---|---|---|',
    ]
    for name, values in result['contestants'].items():
        seconds = values['seconds']
        middle = statistics.median(seconds)
        to_tar = ratio(result, name, 'tar')
        cells = (
            name,
            f'{middle:.1f}',
            f'{min(seconds):.1f}–{max(seconds):.1f}',
            '' if to_tar is None else f'{to_tar:.2f}',
            f'{middle / result["images"] * 1e6:,.0f}',
            f'{statistics.median(values["cpu"]):.1f}',
            f'{max(values["total_mb"]):,.0f} MB',
        )
        rows.append(f'| {" | ".join(cells)} |')
    return rows


def draw_scaling(results: dict) -> None:
    """Draws time by number of images, one line per number of workers."""
    from matplotlib import pyplot  # only here: --help works without it

    lines: dict[int, list[tuple[int, float]]] = {}
    for name, result in results.items():
        if not _SCALING.fullmatch(name):
            continue
        for contestant, values in result['contestants'].items():
            workers = int(_WORKERS.fullmatch(contestant)[1])
            point = (result['images'], statistics.median(values['seconds']))
            lines.setdefault(workers, []).append(point)
    # Otherwise the file is different each time.
    pyplot.rcParams.update({'svg.hashsalt': 'scaling', 'font.size': 9})
    kilobytes = results['scaling-50000']['kilobytes']
    figure, axes = pyplot.subplots(figsize=(5, 3), layout='constrained')
    for workers, points in sorted(lines.items()):
        images, seconds = zip(*sorted(points), strict=True)
        label = f'{workers} worker{"s" * (workers > 1)}'
        axes.plot(images, seconds, marker='o', label=label)
    xlabel = f'photographs of {kilobytes:.0f} kB'
    axes.set(xlabel=xlabel, ylabel='seconds', ylim=0, xlim=0)
    axes.xaxis.set_major_formatter('{x:,.0f}')
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(CHART, metadata={'Date': None})


def main() -> None:
    """Prints the tables, and draws the chart."""
    argparse.ArgumentParser(description=__doc__.partition('\n')[0]).parse_args()
    results = json.loads(RESULTS.read_text())
    for name, result in results.items():
        if not _SCALING.fullmatch(name):
            print(f'\n{result["title"]}\n', *make_rows(result), sep='\n')
    draw_scaling(results)


if __name__ == '__main__':
    main()
