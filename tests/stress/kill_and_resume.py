"""Kills builds at random moments, runs them again, and compares every byte.

    .venv/bin/python tests/stress/kill_and_resume.py

makes a sample, builds it undisturbed, and then plays 20 rounds: kill a worker or only
the launcher of a build with SIGKILL, run the same command again, and compare the
directory with the undisturbed one. Four of five rounds kill between the first and the
last finished shard, one before the first. The script takes about 13 minutes and 8 GB,
and prints one line per round.
"""

import argparse
import dataclasses
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.stress import ROOT, child_processes, differences, start

WORKER, LAUNCHER = 'worker', 'launcher'


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """The result of one round.

    Attributes:
      victim: ``WORKER`` or ``LAUNCHER``.
      seconds: from the start of the build to the kill.
      finished: the shards with final names at the kill.
      kept: how many of them the second run left untouched.
      error: the last line of the killed build; '' for a killed launcher.
      ended_after: seconds from the kill to the end of the killed build.
      faults: what is wrong, one line each.
    """

    victim: str
    seconds: float
    finished: int
    kept: int
    error: str
    ended_after: float
    faults: list[str]


def shards(output: pathlib.Path) -> dict[str, int]:
    """Returns the inode of each shard with a final name."""
    return {path.name: path.stat().st_ino for path in output.glob('*-of-*')}


def wait_until(condition: Callable[[], object], process: subprocess.Popen) -> None:
    """Waits until a condition holds or the build has ended."""
    while not condition() and process.poll() is None:
        time.sleep(0.01)


def kill_and_resume(
    command: Sequence[str],
    output: pathlib.Path,
    expected: pathlib.Path,
    victim: str,
    finished: int,
    after: float,
) -> Round:
    """Kills one build, runs the same command again, and compares the outputs.

    Args:
      command: builds into ``output`` with worker processes.
      output: deleted before the build.
      expected: the output of an undisturbed build.
      victim: ``WORKER`` or ``LAUNCHER``.
      finished: how many shards to wait for; with 0, a worker is killed once it exists.
      after: seconds to wait then, before the kill.
    """
    faults = []
    shutil.rmtree(output, ignore_errors=True)
    log = output.with_name('killed.log')
    started = time.monotonic()
    build = start(command, log)
    if finished:
        wait_until(lambda: len(shards(output)) >= finished, build)
    elif victim == WORKER:
        wait_until(lambda: child_processes(build.pid), build)
    time.sleep(after)
    if build.poll() is not None:
        faults.append(f'exited with status {build.returncode} before it could be killed')
    elif victim == WORKER:
        os.kill(random.choice(child_processes(build.pid)), signal.SIGKILL)
    else:
        build.kill()
    killed = time.monotonic()
    before = shards(output) if output.exists() else {}
    # A shard that the second run keeps has the same inode. Links keep these inodes from
    # being reused for new files.
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
            faults.append(f'exited with status {status}: {error}')
    else:
        build.wait()
    ended = time.monotonic()

    resume_log = output.with_name('resume.log')
    status = start(command, resume_log).wait()
    if status:
        text = resume_log.read_text()
        faults.append(f'the second run exited with status {status}: {text}')
    resumed = shards(output)
    kept = sum(resumed.get(name) == inode for name, inode in before.items())
    shutil.rmtree(links)
    if kept < len(before):
        faults.append(f'{len(before) - kept} finished shards were written again')
    faults += differences(output, expected)
    return Round(
        victim, killed - started, len(before), kept, error, ended - killed, faults
    )


def build_command(images: pathlib.Path, output: pathlib.Path, shards: int) -> list[str]:
    """Returns the command that builds a sample's training images with two workers.

    It decodes each image, so that the build takes a while.
    """
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
    """Builds once; returns the seconds to the first shard and to the manifest."""
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
    """Plays the rounds; returns 1 if one of them went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--folder', default='kill-and-resume', help='for images and outputs'
    )
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
    failed = between = 0
    for number in range(flags.rounds):
        victim = (WORKER, LAUNCHER)[number % 2]
        kill_between = number % 5 != 4
        # By shards, not seconds: on a shared machine one build may take twice as long
        # as the other.
        finished = random.randint(1, flags.shards * 9 // 10) if kill_between else 0
        after = random.uniform(0, 0.5 * first) * (not kill_between)
        result = kill_and_resume(command, output, expected, victim, finished, after)
        between += 0 < result.finished < flags.shards
        failed += bool(result.faults)
        print(
            f'round {number + 1}: {victim} killed after {result.seconds:.1f} s and '
            f'{result.finished} of {flags.shards} shards, build ended '
            f'{result.ended_after:.1f} s later, {result.kept} kept, '
            f'{"; ".join(result.faults) or "byte-identical"}',
            flush=True,
        )
    print(
        f'{flags.rounds} rounds, {between} of them killed between the first and the '
        f'last shard, {failed} failed'
    )
    return int(bool(failed))


if __name__ == '__main__':
    sys.exit(main())
