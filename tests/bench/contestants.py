"""The commands that run in turn with a build, and how each is started."""

import dataclasses
import pathlib
import shutil
import sys

from indexed_imagenet.sample.make import INDEX_FILE

_HERE = pathlib.Path(__file__).parent

# Shards of a build of photographs, about 85 MB each; those of the full set are 135 MB.
SHARDS = 64

# Within a checkout.
VENV_PYTHON = '.venv/bin/python'


@dataclasses.dataclass(frozen=True, slots=True)
class Contestant:
    """One command of a round.

    Attributes:
      name: in tables and results.
      command: the command to run; ``{images}`` and ``{output}`` stand for their paths.
      folder: the current folder of the command, if it matters.
      keeps: whether it reads the output of the contestant before it.
      most_runs: the largest number of runs; slow contestants need fewer.
    """

    name: str
    command: tuple[str, ...]
    folder: str | None = None
    keeps: bool = False
    most_runs: int = 1_000


def _build(program: tuple[str, ...], shards: int, *flags: str) -> tuple[str, ...]:
    return (
        *program,
        'build',
        '--train_directory={images}/train',
        '--imagenet_index_file={images}/' + INDEX_FILE,
        '--output_directory={output}',
        f'--train_shards={shards}',
        *flags,
    )


_MODULE = (sys.executable, '-m', 'indexed_imagenet')


def build(shards: int = SHARDS) -> Contestant:
    """Returns our build."""
    return Contestant('build', _build(_MODULE, shards))


def build_of(checkout: str, shards: int = SHARDS) -> Contestant:
    """Returns the build of another checkout, with the Python of its own ``.venv``."""
    # Not indexed_imagenet: older checkouts do not have the name.
    program = (str(pathlib.Path(checkout, VENV_PYTHON)), '-m', 'pipeline')
    return Contestant('other build', _build(program, shards), checkout)


def build_with(workers: int) -> Contestant:
    """Returns our build with a number of workers."""
    flag = f'--direct_num_workers={workers}'
    return Contestant(f'build, {workers} workers', _build(_MODULE, SHARDS, flag))


def build_remote() -> Contestant:
    """Returns our build from a store that answers late."""
    command = _build((sys.executable, str(_HERE / 'remote.py')), SHARDS)
    return Contestant(
        'build',
        tuple(part.replace('={images}/tr', '=slow://{images}/tr') for part in command),
    )


def verify() -> Contestant:
    """Returns ``verify``, which reads the output of the build before it."""
    return Contestant('verify', (*_MODULE, 'verify', '{output}'), keeps=True)


def tar() -> Contestant:
    """Returns ``tar cf`` of the same files: one process that only copies."""
    return Contestant('tar', ('tar', 'cf', '{output}', '-C', '{images}', 'train'))


def loop(*flags: str, name: str = 'plain loop', most_runs: int = 3) -> Contestant:
    """Returns a plain Python loop; see ``loop.py``."""
    command = (sys.executable, str(_HERE / 'loop.py'), '{images}', '{output}', *flags)
    return Contestant(name, command, most_runs=most_runs)


def stock() -> Contestant:
    """Returns the same pipeline with Beam's own writer; see ``stock.py``."""
    command = _build((sys.executable, str(_HERE / 'stock.py')), SHARDS)
    return Contestant('stock WriteToTFRecord', command, most_runs=3)


def clear(path: pathlib.Path) -> None:
    """Deletes the output of a contestant."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size_of(path: pathlib.Path) -> int:
    """Returns the size of a contestant's output in bytes."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob('*') if file.is_file())
    return path.stat().st_size
