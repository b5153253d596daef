"""The installed package, in environments of its own and beside hostile namesakes."""

import json
import sys

import pytest

from support.commands import build_command, digests, run_elsewhere
from support.hostile import make_hostile_folder

KINDS = ('editable', 'wheel', 'sdist')
PACKAGE = 'indexed_imagenet'


def evaluate(python, code, cwd, *args):
    """Runs code in a fresh process and returns the JSON that it prints last."""
    ended = run_elsewhere([python, '-c', code, *args], cwd, PYTHONPATH='')
    assert ended.status == 0, ended.err
    return json.loads(ended.out.splitlines()[-1])


# Prints the names that can be imported, each with the places that it comes from.
FIND = """
import importlib.util, json, sys

found = {}
for name in sys.argv[1:]:
    if spec := importlib.util.find_spec(name):
        found[name] = [str(spec.origin), *(spec.submodule_search_locations or [])]
print(json.dumps(found))
"""


@pytest.mark.parametrize('kind', KINDS)
def test_install_adds_one_top_level_package(
    install, source, source_files, kind, tmp_path
):
    environment = install(kind)
    [metadata] = [name for name in environment.added if name.endswith('.dist-info')]
    [top_level] = environment.site_packages.glob(f'{metadata}/top_level.txt')
    assert top_level.read_text().split() == [PACKAGE]
    if kind == 'editable':  # setuptools' own files, which lead to the source
        others = environment.added - {metadata}
        assert all(name.startswith('__editable__') for name in others), others
    else:
        assert environment.added == {metadata, PACKAGE}
    # No folder or module of the project can be imported by its bare name.
    parts = {part.removesuffix('.py') for path in source_files for part in path.parts}
    names = {part for part in parts if part.isidentifier() and part[0] != '_'}
    assert {'pipeline', 'transforms', 'cli', 'images', 'errors', 'setup'} < names
    found = evaluate(environment.python, FIND, tmp_path, PACKAGE, *sorted(names))
    ours = (str(source), str(environment.python.parents[1]))
    assert [
        name
        for name, places in found.items()
        if any(place.startswith(ours) for place in places)
    ] == [PACKAGE]
    assert environment.python.with_name('indexed-imagenet').is_file()


def test_install_from_sdist_has_files_of_wheel(install):
    trees = []
    for kind in ('wheel', 'sdist'):
        files = digests(install(kind).site_packages / PACKAGE)
        trees.append({k: v for k, v in files.items() if '__pycache__' not in k})
    assert trees[0] == trees[1]
    assert 'transforms/images/check_image.py' in trees[0]


# The sdist installs the files of the wheel, so no build is needed to prove it.
@pytest.mark.parametrize(
    ('kind', 'entry', 'start'),
    [
        ('editable', 'script', 'fork'),
        ('editable', 'module', 'spawn'),
        ('wheel', 'module', 'fork'),
        ('wheel', 'script', 'spawn'),
    ],
)
def test_build_in_hostile_folder_gives_same_bytes(
    install, golden, reference, tmp_path, kind, entry, start
):
    python = install(kind).python
    hostile = make_hostile_folder(tmp_path)
    program = {
        'script': [python.with_name('indexed-imagenet')],
        'module': [python, '-m', PACKAGE],
    }
    output, log = tmp_path / 'out', tmp_path / 'starts.txt'
    # Beside another thread, worker processes are not forked.
    thread = {'START_A_THREAD': '1'} if start == 'spawn' else {}
    ended = run_elsewhere(
        [*program[entry], *build_command(golden, output), '--direct_num_workers=2'],
        hostile,
        PYTHONPATH=str(hostile),
        LOG_OF_STARTS=str(log),
        **thread,
    )
    assert ended.status == 0, ended.err
    assert digests(output) == reference
    starts = log.read_text()
    forks = start == 'fork' and sys.platform == 'linux'
    assert starts.count('--multiprocessing-fork') == (0 if forks else 2), starts


RUN_MODULE = """
import json, os, runpy, sys

os._exit = sys.exit  # by which the command ends
try:
    runpy.run_module('pipeline', run_name='__main__', alter_sys=True)
except SystemExit as end:
    assert end.code == 0, end
files = {name: getattr(module, '__file__', None) for name, module in sys.modules.items()}
print(json.dumps(files))
"""


def test_python_m_pipeline_in_checkout_loads_no_module_twice(
    install, source, golden, reference, tmp_path
):
    output = tmp_path / 'out'
    command = [*build_command(golden, output), '--direct_num_workers=1']
    loaded = evaluate(install('editable').python, RUN_MODULE, source, *command)
    assert digests(output) == reference
    # Python runs the __init__ of the package to find its __main__; multiprocessing
    # gives that a second name.
    aliases = ('pipeline', '__mp_main__')
    bare = [n for n in loaded if n.partition('.')[0] in ('pipeline', 'transforms')]
    assert bare == ['pipeline']
    ours = {
        name: file
        for name, file in loaded.items()
        if file and file.startswith(str(source)) and name not in aliases
    }
    assert [name for name in ours if not name.startswith(PACKAGE)] == []
    assert len(set(ours.values())) == len(ours) > 40


def test_import_is_light_and_public_names_resolve(install, tmp_path):
    code = f"""
import importlib.metadata, json, sys
import {PACKAGE}
heavy = [n for n in ('apache_beam', 'tensorflow', 'numpy') if n in sys.modules]
from {PACKAGE} import UserError
from {PACKAGE}.errors import UserError as defined
try:
    {PACKAGE}.no_such_name
except AttributeError as error:
    unknown = str(error)
print(json.dumps([
    heavy,
    UserError is defined,
    [hasattr({PACKAGE}, name) for name in {PACKAGE}.__all__],
    unknown,
    {PACKAGE}.__version__,
    importlib.metadata.version('indexed-imagenet'),
]))
"""
    heavy, is_same, public, unknown, version, installed = evaluate(
        install('wheel').python, code, tmp_path
    )
    assert heavy == []
    assert is_same and public and all(public)
    assert unknown == f"module '{PACKAGE}' has no attribute 'no_such_name'"
    assert version == installed
