"""How the scripts set up their environment; Python and pip are stand-ins."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from support.commands import ROOT, Ended, run_elsewhere

# Stands for python3, and for the Python of the environment: $STUB says what fails.
_STUB = r"""#!/usr/bin/env bash
folder=$(cd "$(dirname "$0")" && pwd)
case "$1 ${2-}" in
  '-c import sys'*) [ "$STUB" != old ] ;;
  '-c import ensurepip'*) [ "$STUB" != no-venv ] ;;
  '--version '*) echo 'Python 3.8.1' ;;
  '-m venv')
    if [ "$STUB" = venv-fails ]; then echo 'a line'; echo 'Error: the cause'; exit 1; fi
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/has-pip"
    ;;
  '-m pip')
    if [ "$3" = --version ]; then [ -e "$folder/../has-pip" ]; exit; fi
    env | grep ^PIP_ | sort >"$folder/../pip-env"
    [ -e "$folder/../installing" ] && echo marked >>"$folder/../pip-env"
    echo "$folder" >>"$folder/../../pip-calls"
    if [ -n "$STUB_SAYS" ]; then echo "$STUB_SAYS" >&2; exit 1; fi
    [ "$STUB" = kill ] && kill -KILL "$(cat "$folder/../installing")"
    [ "$STUB" = elsewhere ] && exit
    printf '#!/bin/sh\ntrap "" PIPE\necho "ran $*" || true\n' >"$folder/indexed-imagenet"
    chmod +x "$folder/indexed-imagenet"
    ;;
esac
"""


@pytest.fixture
def checkout(tmp_path) -> pathlib.Path:
    """As much of a checkout as the scripts need, in a folder with a space."""
    root = tmp_path / 'the checkout'
    for name in ('run_local.sh', 'run_dataflow.sh', 'pipeline/venv.sh', 'setup.py'):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / 'tests').mkdir()
    (root / 'tests/constraints.txt').touch()
    bin_folder = tmp_path / 'bin'
    bin_folder.mkdir()
    (bin_folder / 'python3').write_text(_STUB)
    (bin_folder / 'python3').chmod(0o755)
    return root


@pytest.fixture
def start(checkout):
    """Runs ``run_local.sh``, or another program, with the stand-in for python3."""

    def start_script(*argv, program=None, cwd=None, **env) -> Ended:
        path = f'{checkout.parent / "bin"}:{os.environ["PATH"]}'
        env = {'STUB': '', 'STUB_SAYS': '', 'PYTHON': 'python3', 'PATH': path, **env}
        program = program or checkout / 'run_local.sh'
        return run_elsewhere([program, *argv], cwd or checkout.parent, **env)

    return start_script


def error_of(ended) -> list[str]:
    """The lines after the announcement."""
    assert ended.status == 2, ended.err
    return [line for line in ended.err.splitlines() if 'only once' not in line]


def test_first_start_sets_up_and_second_only_runs(checkout, start):
    ended = start('verify', 'a b')
    assert (ended.status, ended.out) == (0, 'ran verify a b\n')
    assert ended.err == (
        f'setting up {checkout}/.venv (only once, takes a minute or two)\n'
    )
    assert start('--version') == Ended(0, 'ran --version\n', '')
    assert len((checkout / 'pip-calls').read_text().splitlines()) == 1
    left = {path.name for path in (checkout / '.venv').iterdir()}
    assert left == {'bin', 'has-pip', 'installed', 'pip-env'}


@pytest.mark.parametrize('script', ['run_local.sh', 'run_dataflow.sh'])
@pytest.mark.parametrize('is_relative', [True, False])
def test_script_called_by_a_link_finds_its_checkout(
    checkout, start, tmp_path, script, is_relative
):
    links = tmp_path / 'links'
    links.mkdir()
    target = pathlib.Path('..', checkout.name) if is_relative else checkout
    (links / 'first').symlink_to(target / script)
    (links / 'second').symlink_to('first')
    # With CDPATH, cd may print where it goes.
    ended = start('--version', program='links/second', cwd=tmp_path, CDPATH='.:/')
    assert (ended.status, ended.out) == (0, 'ran --version\n'), ended.err


def test_settings_of_pip_only_those_about_the_index_count(checkout, start):
    given = {
        'PIP_USER': '1',
        'PIP_TARGET': '/x',
        'PIP_PREFIX': '/x',
        'PIP_REQUIRE_VIRTUALENV': '1',
        'PIP_CONSTRAINT': '/missing',
        'PIP_NO_DEPS': '1',
        'PIP_INDEX_URL': 'https://mirror.example/simple',
        'PIP_CONFIG_FILE': '/etc/pip.conf',
    }
    assert start('--version', **given).status == 0
    seen = (checkout / '.venv/pip-env').read_text().splitlines()
    assert [line for line in seen if line.partition('=')[0] in [*given, 'marked']] == [
        'PIP_CONFIG_FILE=/etc/pip.conf',
        'PIP_INDEX_URL=https://mirror.example/simple',
        'PIP_USER=0',
        'marked',
    ]


@pytest.mark.parametrize('name', ['PYTHONPATH', 'PYTHONHOME', 'PYTHONWARNINGS'])
def test_settings_of_python_are_not_passed_on(checkout, start, name):
    start('--version')
    script = checkout / '.venv/bin/indexed-imagenet'
    script.write_text(f'#!/bin/sh\necho "${{{name}-unset}}"\n')
    assert start('--version', **{name: '/x'}).out == 'unset\n'


@pytest.mark.parametrize(
    ('stub', 'says'),
    [
        (
            'old',
            'error: python3 is Python 3.8.1 (expected Python 3.11 to 3.13); choose '
            'another with PYTHON=/path/to/python',
        ),
        (
            'no-venv',
            'error: python3 has no venv module; install it (python3-venv on Debian and '
            'Ubuntu), or choose another Python with PYTHON=/path/to/python',
        ),
        (
            'elsewhere',
            'error: pip did not install into {venv}; drop target, prefix and root from '
            'its settings (pip config list), or set PIP_CONFIG_FILE=/dev/null',
        ),
    ],
)
def test_set_up_that_cannot_work_is_one_line(checkout, start, stub, says):
    ended = start('--version', STUB=stub)
    assert error_of(ended) == [says.format(venv=checkout / '.venv')]


def test_python_that_is_missing_is_one_line(start):
    assert error_of(start(PYTHON='/no/python')) == [
        'error: /no/python is missing (expected Python 3.11 to 3.13); choose another '
        'with PYTHON=/path/to/python'
    ]


def test_venv_that_fails_is_one_line_with_its_output_behind(checkout, start):
    assert error_of(start(STUB='venv-fails')) == [
        f'error: python3 cannot create {checkout}/.venv: Error: the cause; its output:',
        '  a line',
        '  Error: the cause',
    ]


@pytest.mark.parametrize(
    ('pip_says', 'cause'),
    [
        (
            'WARNING: Retrying after connection broken by \'NewConnectionError("<pip…>: '
            'Failed to establish a new connection: [Errno -3] Temporary failure in name '
            'resolution")\': /simple/setuptools/\nERROR: No matching distribution',
            'pip cannot reach its package index (Temporary failure in name resolution); '
            'check the network and https_proxy, or give a mirror with PIP_INDEX_URL, ',
        ),
        (
            'ERROR: Could not install packages due to an OSError: [Errno 28] No space '
            'left on device',
            '{venv} cannot be set up: No space left on device (expected 3 GB there, and '
            'some in /tmp); free some, ',
        ),
        (
            'ERROR: one\nERROR: No matching distribution found for tensorflow',
            '{venv} cannot be set up: No matching distribution found for tensorflow; '
            'correct that, ',
        ),
    ],
)
def test_pip_that_fails_is_one_line_with_its_output_behind(
    checkout, start, pip_says, cause
):
    venv = checkout / '.venv'
    line, *behind = error_of(start(STUB_SAYS=pip_says, TMPDIR='/tmp'))
    again = 'then run the same command again; pip says:'
    assert line == f'error: {cause.format(venv=venv)}{again}'
    assert behind == [f'  {line}' for line in pip_says.splitlines()]
    assert start('--version').status == 0  # the same command again


def test_pip_that_fails_to_add_an_extra_keeps_the_environment(checkout, start):
    start('--version')
    (checkout / '.venv/kept').touch()
    error_of(start('--output_directory=gs://x', STUB_SAYS='ERROR: no'))
    assert start('--version').status == 0
    assert (checkout / '.venv/kept').exists()


def test_set_up_that_was_killed_starts_over(checkout, start):
    assert start('--version', STUB='kill').status not in (0, 2)
    (checkout / '.venv/half-installed').touch()
    ended = start('--version')
    assert (ended.status, ended.out) == (0, 'ran --version\n'), ended.err
    assert not (checkout / '.venv/half-installed').exists()


def test_set_up_beside_another_one_is_refused(checkout, start):
    (checkout / '.venv').mkdir()
    with subprocess.Popen(['sleep', '60']) as other:
        (checkout / '.venv/installing').write_text(f'{other.pid}\n')
        ended = start()
        other.kill()
    assert error_of(ended) == [
        f'error: process {other.pid} is setting up {checkout}/.venv; wait for its end'
    ]


def test_python_that_was_removed_from_the_system_is_set_up_again(checkout, start):
    start('--version')
    python = checkout / '.venv/bin/python'
    python.unlink()
    python.symlink_to('/no/python')
    assert start('--version').status == 0
    assert python.read_text() == _STUB


def test_checkout_that_cannot_be_written_is_one_line(checkout, start):
    (checkout / '.venv').write_text('a file')
    assert error_of(start()) == [
        f'error: {checkout}/.venv cannot be created: File exists; put the checkout into '
        'a folder that you can write'
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write into any folder')
def test_checkout_of_another_user_is_one_line(checkout, start):
    checkout.chmod(0o555)
    [line] = error_of(start())
    assert line.startswith(f'error: {checkout}/.venv cannot be created: Permission ')


@pytest.mark.parametrize('redirections', ['<&- >&- 2>&-', '2>&-', '2>&1 | true'])
def test_scripts_without_streams_keep_their_status(checkout, start, redirections):
    line = f'set -o pipefail; "{checkout}/run_local.sh" {redirections}'
    ended = start('-c', line, program='bash')
    assert ended.status == 0, ended.err


def test_scripts_are_valid_shell():
    scripts = [*ROOT.glob('*.sh'), *ROOT.glob('tests/*.sh'), ROOT / 'pipeline/venv.sh']
    assert len(scripts) > 3 and sys.platform != 'win32'
    for script in scripts:
        assert run_elsewhere(['bash', '-n', script], ROOT) == Ended(0, '', '')
