"""Builds one tree on every runner that this machine has, and compares.

    .venv/bin/python tests/bench/runners.py --tree=DIR

Each round builds on each runner in turn, into an empty directory. Prints a table in
Markdown: seconds from the command to its end (medians), the most memory of all
processes together (those of a cluster among them), and the fingerprint. Flink and
Prism are fetched as for the tests.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'engines'))

import engines
import processes
from flink_cluster import flink_cluster


def build_command(tree: pathlib.Path, output: pathlib.Path, shards: int) -> list[str]:
    """Builds the training images of a tree."""
    return [
        *(sys.executable, '-m', 'pipeline', 'build'),
        f'--train_directory={tree}/train',
        f'--imagenet_index_file={tree}/imagenet_index.npz',
        f'--output_directory={output}',
        f'--train_shards={shards}',
    ]


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--tree', required=True, help='train/ and imagenet_index.npz')
    parser.add_argument('--shards', type=int, default=64)
    parser.add_argument('--rounds', type=int, default=3)
    flags = parser.parse_args()
    tree = pathlib.Path(flags.tree).absolute()
    with tempfile.TemporaryDirectory(prefix='runners-', dir=tree.parent) as scratch:
        folder = pathlib.Path(scratch)
        with flink_cluster(folder / 'cluster', slots=1) as cluster:
            members = [*cluster.task_managers, *cluster.pools, cluster.job_manager]
            beside = [process.pid for process in members]
            jar = engines.flink_job_server()
            runners = {
                'local, one worker': (['--direct_num_workers=1'], []),
                'local, worker processes': ([], []),
                'Prism': (
                    ['--runner=PrismRunner', f'--prism_location={engines.prism()}'],
                    [],
                ),
                'embedded Flink': (
                    ['--runner=FlinkRunner', f'--flink_job_server_jar={jar}'],
                    [],
                ),
                'standalone Flink': (cluster.flags(), beside),
            }
            runs: dict[str, list] = {name: [] for name in runners}
            fingerprints: dict[str, str] = {}
            for number in range(flags.rounds):
                for name, (more, watched) in runners.items():
                    output = folder / 'out'
                    shutil.rmtree(output, ignore_errors=True)
                    subprocess.run(['sync'], check=True)
                    command = [*build_command(tree, output, flags.shards), *more]
                    run = processes.run(command, beside=watched)
                    print(f'round {number + 1}, {name}: {run}', file=sys.stderr)
                    runs[name].append(run)
                    manifest = json.loads((output / 'train.json').read_text())
                    fingerprints[name] = manifest['fingerprint']
    print('| runner | seconds | all processes | fingerprint |\n|---|---|---|---|')
    for name, of_name in runs.items():
        seconds = [run.seconds for run in of_name]
        print(
            f'| {name} | {statistics.median(seconds):.1f} '
            f'({min(seconds):.1f}–{max(seconds):.1f}) '
            f'| {max(run.total_mb for run in of_name):,.0f} MB '
            f'| `{fingerprints[name][:12]}…` |'
        )


if __name__ == '__main__':
    main()
