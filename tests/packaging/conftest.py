"""Wheel, sdist, and an environment of its own for each way to install the package."""

import functools
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from support.commands import ROOT, build_command, digests, python_m, run_elsewhere
from support.dataflow_service import make_environment

PACKAGED = ('pipeline', 'transforms', 'setup.py', 'pyproject.toml', 'README.md')

# Runs at the start of each interpreter of an environment.
_OBSERVER = """
import os, sys, threading

if 'LOG_OF_STARTS' in os.environ:
    with open(os.environ['LOG_OF_STARTS'], 'a') as log:
        print(repr(sys.orig_argv), file=log)
if 'START_A_THREAD' in os.environ:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
"""


class Environment(NamedTuple):
    """A Python environment in which the package is installed.

    Attributes:
      python: its interpreter.
      site_packages: the folder that it was installed into.
      added: the names of what the installation added there.
    """

    python: pathlib.Path
    site_packages: pathlib.Path
    added: set[str]


def _pip(python: pathlib.Path | str, command: str, *args: object) -> None:
    pip = [sys.executable, '-m', 'pip', '--python', python, command, '--quiet']
    offline = ['--no-index', '--no-deps', '--no-build-isolation']
    env = {**os.environ, 'PYTHONPATH': ''}
    subprocess.run([*pip, *offline, *map(str, args)], check=True, env=env, timeout=120)


@pytest.fixture(scope='session')
def source_files() -> list[pathlib.PurePath]:
    """The project's files that go into the package, or say how: those that git knows."""
    argv = ['git', '-c', 'safe.directory=*', 'ls-files', '-z']
    argv += ['--cached', '--others', '--exclude-standard', '--', *PACKAGED]
    listed = subprocess.check_output(argv, cwd=ROOT, text=True).split('\0')
    return sorted(pathlib.PurePath(name) for name in listed if (ROOT / name).is_file())


@pytest.fixture(scope='session')
def source(source_files, tmp_path_factory) -> pathlib.Path:
    """A clean copy of the project."""
    folder = tmp_path_factory.mktemp('source')
    for path in source_files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    return folder


@pytest.fixture(scope='session')
def wheel(source, tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp('wheel')
    _pip(sys.executable, 'wheel', '--wheel-dir', folder, source)
    [path] = folder.iterdir()
    return path


@pytest.fixture(scope='session')
def sdist(source, tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp('sdist')
    code = (
        'import sys; from setuptools import build_meta as b; b.build_sdist(sys.argv[1])'
    )
    ended = run_elsewhere([sys.executable, '-c', code, folder], source, PYTHONPATH='')
    assert ended.status == 0, ended.err
    [path] = folder.iterdir()
    return path


@pytest.fixture(scope='session')
def install(source, wheel, sdist, tmp_path_factory) -> Callable[[str], Environment]:
    """Returns the environment with the editable install, the wheel or the sdist."""
    arguments = {'editable': ['--editable', source], 'wheel': [wheel], 'sdist': [sdist]}

    @functools.cache
    def make(kind: str) -> Environment:
        python = make_environment(tmp_path_factory.mktemp(kind) / 'environment')
        [site_packages] = python.parents[1].glob('lib/python*/site-packages')
        (site_packages / 'observer_of_starts.py').write_text(_OBSERVER)
        (site_packages / 'observer.pth').write_text('import observer_of_starts\n')
        before = {path.name for path in site_packages.iterdir()}
        # Another installation may be visible from here; it is left alone.
        _pip(python, 'install', '--ignore-installed', *arguments[kind])
        after = {path.name for path in site_packages.iterdir()}
        return Environment(python, site_packages, after - before - {'__pycache__'})

    return make


@pytest.fixture(scope='session')
def reference(golden, tmp_path_factory) -> dict[str, str]:
    """The digests of the golden tree, built by one worker."""
    output = tmp_path_factory.mktemp('reference') / 'out'
    command = build_command(golden, output)
    ended = run_elsewhere(python_m(*command, '--direct_num_workers=1'), ROOT)
    assert ended.status == 0, ended.err
    return digests(output)
