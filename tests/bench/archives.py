"""Measures builds from a tar of tars beside builds of the same images from folders.

    .venv/bin/python tests/bench/archives.py

5,000 photographs that are in memory. Both run once per round, in turn; the first round
does not count. The ratio is the median of those of each round.
"""

import argparse
import io
import pathlib
import shutil
import statistics
import sys
import tarfile

import processes
import trees
from rich.console import Console
from rich.table import Table

ROOT = pathlib.Path(__file__).parents[2]


def make_tar_of_tars(source: pathlib.Path, path: pathlib.Path) -> None:
    """Packs class folders as ``ILSVRC2012_img_train.tar`` is packed."""
    if path.exists():
        return
    with tarfile.open(path, 'w') as outer:
        for folder in sorted(source.iterdir()):
            content = io.BytesIO()
            with tarfile.open(fileobj=content, mode='w') as inner:
                for image in sorted(folder.iterdir()):
                    inner.add(image, image.name)
            member = tarfile.TarInfo(f'{folder.name}.tar')
            member.size = content.tell()
            content.seek(0)
            outer.addfile(member, content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--folder', type=pathlib.Path, default=ROOT / 'bench')
    parser.add_argument('--rounds', type=int, default=5)
    flags = parser.parse_args()
    tree = trees.make_photos(flags.folder, 5_000)
    archive = flags.folder / 'train-of-tars.tar'
    make_tar_of_tars(tree / 'train', archive)
    output = flags.folder / 'from-archive'
    taken: dict[str, list[processes.Run]] = {'folders': [], 'tar of tars': []}
    for round_number in range(flags.rounds + 1):
        for name, source in (('folders', tree / 'train'), ('tar of tars', archive)):
            shutil.rmtree(output, ignore_errors=True)
            command = [sys.executable, '-m', 'indexed_imagenet', 'build']
            command += [f'--train_directory={source}', f'--output_directory={output}']
            command += [f'--imagenet_index_file={tree / "imagenet_index.npz"}']
            run = processes.run([*command, '--train_shards=128'])
            if round_number:
                taken[name].append(run)
    shutil.rmtree(output, ignore_errors=True)
    table = Table('', 's', 'least–most', 'CPU s', 'MB', title='5,000 photographs')
    for name, runs in taken.items():
        seconds = [run.seconds for run in runs]
        table.add_row(
            name,
            f'{statistics.median(seconds):.2f}',
            f'{min(seconds):.2f}–{max(seconds):.2f}',
            f'{statistics.median(run.cpu for run in runs):.2f}',
            f'{max(run.total_mb for run in runs):.0f}',
        )
    Console().print(table)
    ratio = statistics.median(
        packed.seconds / plain.seconds
        for packed, plain in zip(taken['tar of tars'], taken['folders'], strict=True)
    )
    print(f'tar of tars / folders, round by round: {ratio:.2f}')


if __name__ == '__main__':
    main()
