"""What is measured in turn with a build, and how each is started."""

import dataclasses
import pathlib
import shutil
import sys

from indexed_imagenet.sample.make import INDEX_FILE

_HERE = pathlib.Path(__file__).parent

# Shards of the photographs' builds, some 85 MB each: the full set's have 135 MB.
SHARDS = 64


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One command of a round.

    Attributes:
      name: in tables and results.
      command: what is run; ``{images}`` and ``{output}`` stand for their paths.
      folder: the current folder, if it matters.
      keeps: whether it reads what the contestant before it has written.
      most_runs: how often at most it is run; those that take long need fewer.
    """

    name: str
    command: tuple[str, ...]
    folder: str | None = None
    keeps: bool = False
    most_runs: int = 1_000


def _build(program: tuple[str, ...], shards: int, *flags: str) -> tuple[str, ...]:
    return (
        sys.executable,
        *program,
        'build',
        '--train_directory={images}/train',
        '--imagenet_index_file={images}/' + INDEX_FILE,
        '--output_directory={output}',
        f'--train_shards={shards}',
        *flags,
    )


_MODULE = ('-m', 'pipeline')  # so that --other= may be an older checkout


def build(shards: int = SHARDS) -> Contestant:
    """Our build."""
    return Contestant('build', _build(_MODULE, shards))


def build_of(checkout: str, shards: int = SHARDS) -> Contestant:
    """The build of another checkout of this repository."""
    return Contestant('other build', _build(_MODULE, shards), checkout)


def build_with(workers: int) -> Contestant:
    """Our build, on so many workers."""
    flag = f'--direct_num_workers={workers}'
    return Contestant(f'build, {workers} workers', _build(_MODULE, SHARDS, flag))


def build_remote() -> Contestant:
    """Our build from a store that answers late."""
    command = _build((str(_HERE / 'remote.py'),), SHARDS)
    return Contestant(
        'build',
        tuple(part.replace('={images}/tr', '=slow://{images}/tr') for part in command),
    )


def verify() -> Contestant:
    """Reads what the build before it has written."""
    command = (sys.executable, *_MODULE, 'verify', '{output}')
    return Contestant('verify', command, keeps=True)


def tar() -> Contestant:
    """What the machine does with the same files in one process."""
    return Contestant('tar', ('tar', 'cf', '{output}', '-C', '{images}', 'train'))


def loop(*flags: str, name: str = 'plain loop', most_runs: int = 3) -> Contestant:
    """A plain Python loop; see ``loop.py``."""
    command = (sys.executable, str(_HERE / 'loop.py'), '{images}', '{output}', *flags)
    return Contestant(name, command, most_runs=most_runs)


def stock() -> Contestant:
    """The same pipeline with Beam's own writer."""
    command = _build((str(_HERE / 'stock.py'),), SHARDS)
    return Contestant('stock WriteToTFRecord', command, most_runs=3)


def clear(path: pathlib.Path) -> None:
    """Deletes what a contestant has written."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size_of(path: pathlib.Path) -> int:
    """Bytes that a contestant has written."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob('*') if file.is_file())
    return path.stat().st_size
