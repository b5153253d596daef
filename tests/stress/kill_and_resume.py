"""Kills builds at random moments, runs them again, and compares every byte.

    .venv/bin/python tests/stress/kill_and_resume.py

makes a sample, builds it undisturbed, and then in each of 20 rounds kills a
build with SIGKILL, one of its workers or the launcher alone, gives the same
command again, and compares the directory with the undisturbed one. Of five
rounds four kill between the first and the last committed shard, one before.
It takes about 13 minutes and 8 GB; its output is a line a round.
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
from collections.abc import Sequence
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]

WORKER, LAUNCHER = 'worker', 'launcher'


class Round(NamedTuple):
    """How one round went.

    Attributes:
      victim: ``WORKER`` or ``LAUNCHER``.
      seconds: from the start of the build to the kill.
      committed: shards that stood under their final names at the kill.
      kept: of those, how many the second run did not touch.
      error: the last line of the killed build; '' of a killed launcher.
      ended_after: seconds from the kill to the end of the killed build.
      faults: what is wrong, nothing if all is well.
    """

    victim: str
    seconds: float
    committed: int
    kept: int
    error: str
    ended_after: float
    faults: list[str]


def start(command: Sequence[str], log: pathlib.Path) -> subprocess.Popen:
    """Starts a build."""
    with open(log, 'wb') as file:
        return subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)


def shards(output: pathlib.Path) -> dict[str, int]:
    """The shards under their final names, with the inode of each."""
    return {path.name: path.stat().st_ino for path in output.glob('*-of-*')}


def workers_of(launcher: int) -> list[int]:
    """The worker processes of a build (Linux)."""
    tasks = pathlib.Path(f'/proc/{launcher}/task').glob('*/children')
    return sorted(int(child) for task in tasks for child in task.read_text().split())


def wait_until(condition, process: subprocess.Popen) -> None:
    """Waits for something that a running build does."""
    while not condition() and process.poll() is None:
        time.sleep(0.01)


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


def kill_and_resume(
    command: Sequence[str],
    output: pathlib.Path,
    expected: pathlib.Path,
    victim: str,
    committed: int,
    after: float,
) -> Round:
    """Kills one build, gives the same command again, and compares.

    Args:
      command: builds into ``output`` with worker processes.
      output: is deleted first.
      expected: what an undisturbed build gave.
      victim: ``WORKER`` or ``LAUNCHER``.
      committed: how many shards to wait for; a worker that is to be killed before
        there is one is waited for at least.
      after: seconds to wait then, before the kill.
    """
    faults = []
    shutil.rmtree(output, ignore_errors=True)
    log = output.with_name('killed.log')
    started = time.monotonic()
    build = start(command, log)
    if committed:
        wait_until(lambda: len(shards(output)) >= committed, build)
    elif victim == WORKER:
        wait_until(lambda: workers_of(build.pid), build)
    time.sleep(after)
    if build.poll() is not None:
        faults.append(f'it ended with {build.returncode} before it could be killed')
    elif victim == WORKER:
        os.kill(random.choice(workers_of(build.pid)), signal.SIGKILL)
    else:
        build.kill()
    killed = time.monotonic()
    before = shards(output) if output.exists() else {}
    # What the second run keeps has the same inode, which no new file can have while
    # a link holds it.
    links = output.with_name('links')
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir()
    for name in before:
        os.link(output / name, links / name)
    error = ''
    if victim == WORKER:
        status = build.wait()
        error = log.read_text().strip().splitlines()[-1]
        if status != 1 or 'was killed by SIGKILL' not in error:
            faults.append(f'ended with {status}: {error}')
    else:
        build.wait()
    ended = time.monotonic()

    again_log = output.with_name('again.log')
    status = start(command, again_log).wait()
    if status:
        faults.append(f'the second run ended with {status}: {again_log.read_text()}')
    after_resume = shards(output)
    kept = sum(after_resume.get(name) == inode for name, inode in before.items())
    shutil.rmtree(links)
    if kept < len(before):
        faults.append(f'{len(before) - kept} finished shards were made again')
    faults += differences(output, expected)
    return Round(
        victim, killed - started, len(before), kept, error, ended - killed, faults
    )


def build_command(images: pathlib.Path, output: pathlib.Path, shards: int) -> list[str]:
    """Builds the training images of a sample, decoding each, with two workers."""
    return [
        sys.executable,
        '-m',
        'indexed_imagenet',
        'build',
        f'--train_directory={images}/train',
        f'--imagenet_index_file={images}/imagenet_index.npz',
        f'--output_directory={output}',
        f'--train_shards={shards}',
        '--check_images=decode',
        '--direct_num_workers=2',
    ]


def time_undisturbed(command: list[str], output: pathlib.Path) -> tuple[float, float]:
    """Builds once; returns when the first and the last shard were committed, in s."""
    shutil.rmtree(output, ignore_errors=True)
    started = time.monotonic()
    build = start(command, output.with_name('undisturbed.log'))
    wait_until(lambda: output.exists() and shards(output), build)
    first = time.monotonic() - started
    wait_until(lambda: (output / 'train.json').exists(), build)
    last = time.monotonic() - started
    if build.wait():
        raise RuntimeError(output.with_name('undisturbed.log').read_text())
    return first, last


def main() -> int:
    """Runs the rounds; the exit status is 1 if one of them went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--folder', default='kill-and-resume', help='images and outputs')
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--images', type=int, default=24_000)
    parser.add_argument('--shards', type=int, default=100)
    parser.add_argument('--seed', type=int, default=0)
    flags = parser.parse_args()
    folder = pathlib.Path(flags.folder).absolute()
    images, output, expected = folder / 'sample', folder / 'out', folder / 'expected'
    sample = [
        *(sys.executable, '-m', 'indexed_imagenet', 'sample', f'--directory={images}'),
        *(f'--train_images={flags.images}', '--validation_images=1', '--plain'),
        *('--pictures=200', '--classes=100'),
    ]
    subprocess.run(sample, cwd=ROOT, check=True)
    random.seed(flags.seed)
    command = build_command(images, expected, flags.shards)
    first, last = time_undisturbed(command, expected)
    print(f'undisturbed: first shard after {first:.1f} s, manifest after {last:.1f} s')
    command = build_command(images, output, flags.shards)
    wrong = between = 0
    for number in range(flags.rounds):
        victim = (WORKER, LAUNCHER)[number % 2]
        amidst = number % 5 != 4
        # Not by the clock: on a shared machine one build may take twice the other.
        committed = random.randint(1, flags.shards * 9 // 10) if amidst else 0
        after = random.uniform(0, 0.5 * first) * (not amidst)
        result = kill_and_resume(command, output, expected, victim, committed, after)
        between += 0 < result.committed < flags.shards
        wrong += bool(result.faults)
        print(
            f'round {number + 1}: {victim} killed after {result.seconds:.1f} s with '
            f'{result.committed} of {flags.shards} shards committed, build ended '
            f'{result.ended_after:.1f} s later, {result.kept} kept, '
            f'{"; ".join(result.faults) or "byte-identical"}',
            flush=True,
        )
    print(
        f'{flags.rounds} rounds, {between} of them killed between the first and the '
        f'last committed shard, {wrong} wrong'
    )
    return int(bool(wrong))


if __name__ == '__main__':
    sys.exit(main())
