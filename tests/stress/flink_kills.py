"""Kills parts of a Flink cluster during builds, and compares every byte.

    .venv/bin/python tests/stress/flink_kills.py

makes a sample of 20,000 images, builds it locally, and then on a standalone Flink with
two task managers: once undisturbed; once killing a task manager with SIGKILL after some
shards; once killing an SDK worker; and once killing the launcher. In the last case the
job continues, a second build is refused while it runs, and the same command then finds
all shards finished. The cluster has a spare slot for each one that is lost. The script
takes about five minutes and 6 GB, and prints one line per round.
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.flink_cluster import FlinkCluster, flink_cluster
from support.stress import ROOT, differences, start

PROGRAM = [sys.executable, '-m', 'indexed_imagenet']

_SHARDS = 100


def build_command(images: pathlib.Path, output: pathlib.Path) -> list[str]:
    """Returns the command that builds a sample, slowly: it decodes each image."""
    return [
        *PROGRAM,
        'build',
        f'--train_directory={images}/train',
        f'--imagenet_index_file={images}/imagenet_index.npz',
        f'--output_directory={output}',
        f'--train_shards={_SHARDS}',
        '--check_images=decode',
    ]


def num_shards(output: pathlib.Path) -> int:
    """Returns the number of shards with final names."""
    return len(list(output.glob('*-of-*'))) if output.is_dir() else 0


def kill_task_manager(cluster: FlinkCluster) -> None:
    """Kills a task manager that has work."""
    cluster.task_managers[0].kill()


def _ticks(pid: int) -> int:
    """Returns the CPU time of a process, in the system's ticks, proc(5)."""
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def kill_sdk_worker(cluster: FlinkCluster) -> None:
    """Kills the busiest Python worker: those of spare slots are idle."""
    os.kill(max(cluster.sdk_workers(), key=_ticks), signal.SIGKILL)


def restarts(cluster: FlinkCluster) -> int:
    """Returns how often the cluster has restarted a job."""
    log = (cluster.folder / 'jm.log').read_text()
    return log.count('switched from state RUNNING to RESTARTING')


def play_round(
    name: str,
    kill: Callable[[FlinkCluster], None] | None,
    folder: pathlib.Path,
    images: pathlib.Path,
    expected: pathlib.Path,
) -> list[str]:
    """Builds on a new cluster, and kills a part of it during the build.

    Args:
      name: the round's, for the output.
      kill: kills the part; None to kill nothing.
      folder: for the output, the cluster and the log.
      images: the sample.
      expected: the output of a local build.

    Returns:
      What is wrong, one line each.
    """
    output, log = folder / 'out', folder / 'build.log'
    shutil.rmtree(output, ignore_errors=True)
    shutil.rmtree(folder / 'cluster', ignore_errors=True)
    faults = []
    with flink_cluster(folder / 'cluster') as cluster:
        command = [*build_command(images, output), *cluster.flags(), '--parallelism=2']
        began = time.monotonic()
        build = start(command, log)
        kill_at = random.randint(_SHARDS // 10, _SHARDS // 2)
        while kill and num_shards(output) < kill_at and build.poll() is None:
            time.sleep(0.05)
        finished = num_shards(output)
        if kill:
            kill(cluster)
        status = build.wait()
        seconds = time.monotonic() - began
        if status:
            faults.append(f'exited with status {status}: {log.read_text()[-500:]}')
        num_restarts = restarts(cluster)
        if kill and not num_restarts:
            faults.append('the job was not restarted')
    faults += differences(output, expected)
    when = f'killed after {finished} of {_SHARDS} shards, ' if kill else ''
    print(
        f'{name}: {when}{seconds:.1f} s, {num_restarts} restart(s), '
        f'{"; ".join(faults) or "byte-identical, no other file"}',
        flush=True,
    )
    return faults


def play_launcher_round(
    folder: pathlib.Path, images: pathlib.Path, expected: pathlib.Path
) -> list[str]:
    """Kills the launcher during a build.

    Args:
      folder: for the output, the cluster and the log.
      images: the sample.
      expected: the output of a local build.

    Returns:
      What is wrong, one line each.
    """
    output, log = folder / 'out', folder / 'build.log'
    shutil.rmtree(output, ignore_errors=True)
    shutil.rmtree(folder / 'cluster', ignore_errors=True)
    faults = []
    with flink_cluster(folder / 'cluster') as cluster:
        command = [*build_command(images, output), *cluster.flags(), '--parallelism=2']
        build = start(command, log)
        while num_shards(output) < _SHARDS // 10 and build.poll() is None:
            time.sleep(0.05)
        build.kill()
        build.wait()
        before = num_shards(output)
        refused = start(command, log)
        if refused.wait() != 2 or 'is still writing into' not in log.read_text():
            faults.append(f'a second build was not refused: {log.read_text()[-500:]}')
        while cluster.get('/overview')['jobs-running']:
            time.sleep(0.2)
        after = num_shards(output)
        if start(command, log).wait():
            faults.append(f'the same command failed: {log.read_text()[-500:]}')
    faults += differences(output, expected)
    print(
        f'launcher: killed after {before} shards, the job continued to {after}, a second '
        'build was refused meanwhile, the same command kept the shards: '
        f'{"; ".join(faults) or "byte-identical, no other file"}',
        flush=True,
    )
    return faults


def main() -> int:
    """Plays the rounds; returns 1 if one of them went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--folder', default='flink-kills', help='for images and outputs')
    parser.add_argument('--images', type=int, default=20_000)
    parser.add_argument('--rounds', type=int, default=1, help='of each kind')
    parser.add_argument('--seed', type=int, default=0)
    flags = parser.parse_args()
    random.seed(flags.seed)
    folder = pathlib.Path(flags.folder).absolute()
    images, expected = folder / 'sample', folder / 'expected'
    sample = [
        *(*PROGRAM, 'sample', f'--directory={images}', '--validation_images=1'),
        *(f'--train_images={flags.images}', '--plain'),
        *('--pictures=200', '--classes=100'),
    ]
    subprocess.run(sample, cwd=ROOT, check=True)
    shutil.rmtree(expected, ignore_errors=True)
    log = folder / 'expected.log'
    if start(build_command(images, expected), log).wait():
        raise RuntimeError(log.read_text())
    faults = play_round('undisturbed', None, folder, images, expected)
    for _ in range(flags.rounds):
        rounds = (
            ('task manager', kill_task_manager),
            ('SDK worker', kill_sdk_worker),
        )
        for name, kill in rounds:
            faults += play_round(name, kill, folder, images, expected)
        faults += play_launcher_round(folder, images, expected)
    return int(bool(faults))


if __name__ == '__main__':
    sys.exit(main())
