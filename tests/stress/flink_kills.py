"""Kills parts of a Flink cluster amid builds, and compares every byte.

    .venv/bin/python tests/stress/flink_kills.py

makes a sample of 20,000 images, builds it on this machine, and then on a standalone
Flink of two task managers: undisturbed; with a task manager killed by SIGKILL once
some shards are there; with an SDK worker killed so; and with the launcher killed,
after which the job goes on, a second build is refused while it does, and the same
command finds all done. The cluster has a slot to spare for each that is lost. It
takes about five minutes and 6 GB; its output is a line a round.
"""

import argparse
import filecmp
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, '-m', 'indexed_imagenet']

_SHARDS = 100


def build_command(images: pathlib.Path, output: pathlib.Path) -> list[str]:
    """Builds a sample, decoding each image so that it takes a while."""
    return [
        *PROGRAM,
        'build',
        f'--train_directory={images}/train',
        f'--imagenet_index_file={images}/imagenet_index.npz',
        f'--output_directory={output}',
        f'--train_shards={_SHARDS}',
        '--check_images=decode',
    ]


def start(command: list[str], log: pathlib.Path) -> subprocess.Popen:
    """Starts a command."""
    with open(log, 'wb') as file:
        return subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)


def num_shards(output: pathlib.Path) -> int:
    """How many shards have their final names."""
    return len(list(output.glob('*-of-*'))) if output.is_dir() else 0


def differences(output: pathlib.Path, expected: pathlib.Path) -> list[str]:
    """What differs between two directories, by name and by every byte."""
    ours, theirs = (
        {str(path.relative_to(folder)) for path in folder.rglob('*')}
        for folder in (output, expected)
    )
    different = ours ^ theirs
    for name in ours & theirs:
        if not filecmp.cmp(output / name, expected / name, shallow=False):
            different.add(name)
    return [f'{name} differs' for name in sorted(different)]


def kill_task_manager(cluster: FlinkCluster) -> None:
    """Kills one that is at work."""
    cluster.task_managers[0].kill()


def _ticks(pid: int) -> int:
    """What a process has taken of a core, in the system's ticks, proc(5)."""
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def kill_sdk_worker(cluster: FlinkCluster) -> None:
    """Kills the busiest process in which our code runs: slots to spare have idle ones."""
    os.kill(max(cluster.sdk_workers(), key=_ticks), signal.SIGKILL)


def restarts(cluster: FlinkCluster) -> int:
    """How often the newest job was started anew."""
    log = (cluster.folder / 'jm.log').read_text()
    return log.count('switched from state RUNNING to RESTARTING')


def play_round(
    name: str,
    kill: Callable[[FlinkCluster], None] | None,
    folder: pathlib.Path,
    images: pathlib.Path,
    expected: pathlib.Path,
) -> list[str]:
    """Builds on a new cluster, and kills a part of it amid. Returns what is wrong."""
    output, log = folder / 'out', folder / 'build.log'
    shutil.rmtree(output, ignore_errors=True)
    shutil.rmtree(folder / 'cluster', ignore_errors=True)
    faults = []
    with flink_cluster(folder / 'cluster') as cluster:
        command = [*build_command(images, output), *cluster.flags(), '--parallelism=2']
        began = time.monotonic()
        build = start(command, log)
        amid = random.randint(_SHARDS // 10, _SHARDS // 2)
        while kill and num_shards(output) < amid and build.poll() is None:
            time.sleep(0.05)
        there = num_shards(output)
        if kill:
            kill(cluster)
        status = build.wait()
        seconds = time.monotonic() - began
        if status:
            faults.append(f'ended with {status}: {log.read_text()[-500:]}')
        started_anew = restarts(cluster)
        if kill and not started_anew:
            faults.append('the job was not started anew')
    faults += differences(output, expected)
    when = f'killed with {there} of {_SHARDS} shards there, ' if kill else ''
    print(
        f'{name}: {when}{seconds:.1f} s, started anew {started_anew} time(s), '
        f'{"; ".join(faults) or "byte-identical, no other file"}',
        flush=True,
    )
    return faults


def play_launcher_round(
    folder: pathlib.Path, images: pathlib.Path, expected: pathlib.Path
) -> list[str]:
    """Kills the launcher amid a build. Returns what is wrong."""
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
        there = num_shards(output)
        refused = start(command, log)
        if refused.wait() != 2 or 'is still at work in' not in log.read_text():
            faults.append(f'a second build was not refused: {log.read_text()[-500:]}')
        while cluster.get('/overview')['jobs-running']:
            time.sleep(0.2)
        after = num_shards(output)
        if start(command, log).wait():
            faults.append(f'the same command failed: {log.read_text()[-500:]}')
    faults += differences(output, expected)
    print(
        f'launcher killed with {there} shards there: the job went on to {after}, a '
        'second build was refused meanwhile, the same command found the rest done: '
        f'{"; ".join(faults) or "byte-identical, no other file"}',
        flush=True,
    )
    return faults


def main() -> int:
    """Plays the rounds; the exit status is 1 if one of them went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--folder', default='flink-kills', help='images and outputs')
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
