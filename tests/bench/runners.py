"""Builds the same images on every runner, and compares time, memory and result.

    .venv/bin/python tests/bench/runners.py

Each round builds on each runner in turn, into an empty directory: first 5,000
photographs, then 20,000. The script prints a table in Markdown: the seconds of each
command (medians); the peak memory of all processes together, including those of a
cluster; the time of a core per image, from the difference between the two sizes; and
the fingerprint. The exit status is 1 if the fingerprints of the same images differ.

A second table shows a tenth of the images in object stores. The stores are emulators;
their memory is not counted, but most of the seconds are theirs. Dataflow is the
stand-in from the tests, with one worker process. Flink and Prism are downloaded as
for the tests.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import processes
import trees

from support import dataflow_service, engines, objects, servers
from support.flink_cluster import flink_cluster

_SHARDS = 64


class Store(NamedTuple):
    """A bucket for images and output, and the scheme of its URLs."""

    scheme: str
    objects: objects.Objects


class Engine(NamedTuple):
    """A runner, and where it reads and writes.

    Attributes:
      name: in the table.
      flags: the flags of a build on it.
      beside: returns the processes that work for the command and are not its children.
      store: where its images and output are; None for the disk.
      environment: variables of the command.
    """

    name: str
    flags: Sequence[str] = ()
    beside: Callable[[], Sequence[int]] = list
    store: Store | None = None
    environment: dict[str, str] | None = None


class Build(NamedTuple):
    """The cost of a build, and its result."""

    run: processes.Run
    fingerprint: str


def _command(images: str, output: str, flags: Sequence[str]) -> list[str]:
    return [
        *(sys.executable, '-m', 'indexed_imagenet', 'build'),
        f'--train_directory={images}/train',
        f'--imagenet_index_file={images}/imagenet_index.npz',
        f'--output_directory={output}',
        f'--train_shards={_SHARDS}',
        *flags,
    ]


_LOCAL = Engine('local, one worker', ['--direct_num_workers=1'])


@contextlib.contextmanager
def _engines_on_disk(folder: pathlib.Path) -> Iterator[list[Engine]]:
    jar = engines.flink_job_server()
    prism = engines.prism()
    with flink_cluster(folder / 'cluster', slots=1) as cluster:
        members = [*cluster.task_managers, *cluster.pools, cluster.job_manager]
        yield [
            _LOCAL,
            Engine('local, one worker process per core'),
            Engine('Prism', ['--runner=PrismRunner', f'--prism_location={prism}']),
            Engine(
                'Flink, embedded',
                ['--runner=FlinkRunner', f'--flink_job_server_jar={jar}'],
            ),
            Engine(
                'Flink, standalone: two task managers',
                cluster.flags(),
                lambda: [member.pid for member in members],
            ),
        ]


@contextlib.contextmanager
def _engines_in_stores(folder: pathlib.Path) -> Iterator[list[Engine]]:
    with (
        servers.s3_server('bucket') as s3_url,
        servers.gcs_emulator('bucket') as gcs_url,
        dataflow_service.dataflow_service(folder) as service,
    ):
        credentials = dataflow_service.write_credentials(folder, f'{service.url}/token')
        # The launcher's, and that of the workers which the stand-in starts.
        os.environ['STORAGE_EMULATOR_HOST'] = gcs_url
        os.environ['GOOGLE_APPLICATION_CREDENTIALS'] = str(credentials)
        s3 = Store('s3', objects.s3_objects(s3_url, 'bucket'))
        gcs = Store('gs', objects.google_objects(gcs_url, 'bucket'))
        dataflow = [
            '--runner=DataflowRunner',
            '--project=some-project',
            '--region=europe-west4',
            '--temp_location=gs://bucket/tmp',
            f'--dataflow_endpoint={service.url}',
        ]
        yield [
            _LOCAL,
            Engine(
                f'{_LOCAL.name}, S3',
                _LOCAL.flags,
                store=s3,
                environment={'AWS_ENDPOINT_URL': s3_url, **servers.S3_ENVIRONMENT},
            ),
            Engine(
                f'{_LOCAL.name}, Cloud Storage', [*_LOCAL.flags, '--no_auth'], store=gcs
            ),
            Engine(
                'Dataflow, stand-in, Cloud Storage',
                [*dataflow, '--no_auth'],
                service.worker_processes,
                gcs,
            ),
        ]


def _upload(tree: pathlib.Path, there: objects.Objects) -> str:
    """Uploads a tree unless the store has it; returns its folder there."""
    if not there.names(f'{tree.name}/imagenet_index.npz'):
        for path in (*tree.glob('train/*/*'), tree / 'imagenet_index.npz'):
            there.put(f'{tree.name}/{path.relative_to(tree)}', path.read_bytes())
    return tree.name


def _fingerprint(manifest: bytes) -> str:
    return json.loads(manifest)['fingerprint']


def _build_in_store(engine: Engine, tree: pathlib.Path) -> Build:
    scheme, there = engine.store
    images, output = _upload(tree, there), f'out-{uuid.uuid4().hex}'
    bucket = f'{scheme}://bucket'
    command = _command(f'{bucket}/{images}', f'{bucket}/{output}', engine.flags)
    run = processes.run(command, None, engine.environment, beside=engine.beside)
    return Build(run, _fingerprint(there.get(f'{output}/train.json')))


def _build_on_disk(engine: Engine, tree: pathlib.Path, output: pathlib.Path) -> Build:
    subprocess.run(['sync'], check=True)
    command = _command(str(tree), str(output), engine.flags)
    run = processes.run(command, None, engine.environment, beside=engine.beside)
    fingerprint = _fingerprint((output / 'train.json').read_bytes())
    shutil.rmtree(output)
    return Build(run, fingerprint)


def _row(name: str, builds: dict[int, list[Build]]) -> str:
    """Returns the row of one runner: its builds of each number of images."""
    cells = [name]
    for made in builds.values():
        seconds = [build.run.seconds for build in made]
        span = f' ({min(seconds):.1f}–{max(seconds):.1f})' if len(seconds) > 1 else ''
        cells.append(f'{statistics.median(seconds):.1f}{span}')
        cells.append(f'{max(build.run.total_mb for build in made):,.0f} MB')
    (few, first), *_, (many, last) = builds.items()
    cpu = [statistics.median(build.run.cpu for build in made) for made in (first, last)]
    cells.append(f'{(cpu[1] - cpu[0]) / (many - few) * 1e6:,.0f}')
    cells.append(f'`{last[0].fingerprint[:12]}…`')
    return f'| {" | ".join(cells)} |'


def _measure(
    chosen: Sequence[Engine],
    some_trees: dict[int, pathlib.Path],
    rounds: int,
    folder: pathlib.Path,
) -> dict[str, dict[int, list[Build]]]:
    """Builds each tree on each runner in turn.

    Returns:
      The builds, by the runner's name and the number of images.
    """
    builds = {engine.name: {size: [] for size in some_trees} for engine in chosen}
    for _ in range(rounds):
        for size, tree in some_trees.items():
            for engine in chosen:
                if engine.store:
                    build = _build_in_store(engine, tree)
                else:
                    build = _build_on_disk(engine, tree, folder / 'out')
                print(f'{engine.name}, {size:,}: {build}', file=sys.stderr)
                builds[engine.name][size].append(build)
    return builds


def _print_table(builds: dict[str, dict[int, list[Build]]]) -> bool:
    """Prints a table; returns whether all builds of the same images are the same."""
    sizes = list(next(iter(builds.values())))
    heads = [f'{size:,} images, seconds | memory' for size in sizes]
    print(f'\n| runner | {" | ".join(heads)} | µs of a core per image | fingerprint |')
    print('|---' * (3 + 2 * len(sizes)) + '|')
    for name, by_size in builds.items():
        print(_row(name, by_size))
    same = True
    for size in sizes:
        made = [build for by_size in builds.values() for build in by_size[size]]
        found = {build.fingerprint for build in made}
        if len(found) > 1:
            print(
                f'error: builds of {size:,} images have the fingerprints {found} '
                '(expected one)',
                file=sys.stderr,
            )
            same = False
    return same


def main() -> int:
    """Measures, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--folder', default='bench', help='for images and outputs')
    parser.add_argument('--images', type=int, default=20_000, help='the larger size')
    parser.add_argument('--rounds', type=int, default=3, help='rounds on the disk')
    parser.add_argument('--only', choices=('disk', 'stores'), help='one table only')
    flags = parser.parse_args()
    bench = pathlib.Path(flags.folder).absolute()
    bench.mkdir(parents=True, exist_ok=True)
    photos = trees.make_photos(bench, flags.images)
    measured = {
        'disk': (_engines_on_disk, flags.images, flags.rounds),
        'stores': (_engines_in_stores, flags.images // 10, 1),
    }
    same = True
    for name, (make_engines, most, rounds) in measured.items():
        if flags.only not in (None, name):
            continue
        sizes = (most // 4, most)
        some_trees = {size: trees.take_some(photos, size) for size in sizes}
        with (
            tempfile.TemporaryDirectory(prefix='runners-', dir=bench) as scratch,
            make_engines(pathlib.Path(scratch)) as chosen,
        ):
            builds = _measure(chosen, some_trees, rounds, pathlib.Path(scratch))
        same = _print_table(builds) and same
    return int(not same)


if __name__ == '__main__':
    sys.exit(main())
