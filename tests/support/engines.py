"""Downloads the engines that tests run on: Flink, its job server, Prism.

They come from PyPI, Maven Central and the Go module proxy, once, into a cache folder
(``INDEXED_IMAGENET_ENGINES``, or ``indexed-imagenet-engines`` in the user's cache).
"""

import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable

import pytest

# The newest minor version of Flink for which mirrors of Maven Central have all parts of
# Beam's job server, in its newest distribution on PyPI.
FLINK = '1.19.3'
_PRISM = 'github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0'

_CACHE = pathlib.Path(
    os.environ.get('INDEXED_IMAGENET_ENGINES')
    or pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache')
    / 'indexed-imagenet-engines'
)


def _need(*programs: str) -> None:
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f'{program} is not installed')


def _call(argv, **more) -> None:
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more
    )
    if done.returncode:
        raise RuntimeError(
            f'{argv[0]} exited with status {done.returncode}:\n{done.stdout}'
        )


def _cached(name: str, make: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """Returns a folder of the cache; a new one is filled first and then renamed."""
    folder = _CACHE / name
    if not folder.is_dir():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as scratch:
            made = pathlib.Path(scratch) / 'made'
            made.mkdir()
            make(made)
            try:
                made.rename(folder)
            except OSError:  # another process was faster
                if not folder.is_dir():
                    raise
    return folder


@functools.cache
def flink_job_server() -> pathlib.Path:
    """Returns Beam's job server for Flink, a jar."""
    _need('java', 'mvn')
    source = pathlib.Path(__file__).parent / 'flink_job_server' / 'pom.xml'

    def make(folder: pathlib.Path) -> None:
        shutil.copy(source, folder)
        _call(['mvn', '-q', '-B', 'package'], cwd=folder)

    stamp = f'{FLINK}-{source.stat().st_size}'
    return _cached(f'job-server-{stamp}', make) / 'target' / 'flink-job-server.jar'


@functools.cache
def flink() -> pathlib.Path:
    """Returns the ``lib`` folder of a Flink distribution."""
    _need('java')

    def make(folder: pathlib.Path) -> None:
        package = 'apache-flink-libraries'
        _call(
            [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps']
            + ['--no-binary', package, '--dest', str(folder), f'{package}=={FLINK}']
        )
        [archive] = folder.glob('*.tar.gz')
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter='data')
        archive.unlink()
        [lib] = folder.glob('*/deps/lib')
        lib.rename(folder / 'lib')

    return _cached(f'flink-{FLINK}', make) / 'lib'


@functools.cache
def prism() -> pathlib.Path:
    """Returns Beam's Prism, a program."""
    _need('go')

    def make(folder: pathlib.Path) -> None:
        _call(['go', 'install', _PRISM], env={**os.environ, 'GOBIN': str(folder)})

    return _cached(_PRISM.rpartition('@')[2].join(['prism-', '']), make) / 'prism'
