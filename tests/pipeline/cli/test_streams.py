"""Commands whose standard streams are closed, full, or have lost their reader."""

import os
import shlex
import subprocess

import pytest

from support.commands import ROOT, build_command, digests, python_m, run_elsewhere


def run_in_shell(command, redirections) -> tuple[int, str]:
    """Returns the exit status of a command, and all that is still printed."""
    # Bash reports the command's own status, not that of what reads its output.
    line = f'set -o pipefail; {shlex.join(map(str, command))} {redirections}'
    ended = run_elsewhere(['bash', '-c', line], ROOT)
    return ended.status, ended.out + ended.err


@pytest.fixture(scope='session')
def reference(golden, tmp_path_factory):
    """What a build with all its streams writes."""
    out = tmp_path_factory.mktemp('reference') / 'out'
    command = python_m(*build_command(golden, out), '--direct_num_workers=1')
    assert run_in_shell(command, '')[0] == 0
    return digests(out)


@pytest.mark.parametrize(
    'redirections', ['>&-', '2>&-', '<&- >&- 2>&-', '2>&1 | true', '2> /dev/full']
)
def test_build_without_streams_is_complete_with_status_0(
    golden, tmp_path, reference, redirections
):
    out = tmp_path / 'out'
    workers = 2 if '<&-' in redirections else 1
    command = python_m(*build_command(golden, out), f'--direct_num_workers={workers}')
    status, printed = run_in_shell(command, redirections)
    assert (status, 'Traceback' in printed) == (0, False), printed
    assert digests(out) == reference


@pytest.mark.parametrize('argv', [['--help'], ['help', 'sample'], ['--version']])
@pytest.mark.parametrize('redirections', ['>&-', '2>&1 | true', '2>&-'])
def test_help_without_streams_has_status_0(argv, redirections):
    status, printed = run_in_shell(python_m(*argv), redirections)
    assert (status, 'Traceback' in printed) == (0, False), printed


@pytest.mark.parametrize('redirections', ['2>&-', '2>&1 | true', '>&- 2>&-'])
def test_error_without_streams_keeps_its_status(redirections):
    status, printed = run_in_shell(python_m('biuld'), redirections)
    assert (status, printed) == (2, '')


@pytest.mark.parametrize('argv', [['--version'], ['help', 'sample']])
def test_full_standard_output_is_one_line_with_status_1(argv):
    status, printed = run_in_shell(python_m(*argv), '> /dev/full')
    assert status == 1
    assert printed == "error: [Errno 28] No space left on device: 'standard output'\n"


def test_help_reader_that_is_gone_changes_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            python_m('help', 'sample'),
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b'')


# Prints from the process itself, after something was opened while a stream was closed.
_OPENS_A_FILE = """
import os, sys
from indexed_imagenet.console import prepare_streams

prepare_streams()
with open(sys.argv[1], 'w') as file:
    print('printed', flush=True)
    os.system('echo from a child; echo from a child >&2')
    file.write('written')
"""


def test_prepare_streams_closed_stdout_is_not_the_next_file_opened(tmp_path):
    path = tmp_path / 'file'
    command = [*python_m()[:1], '-c', _OPENS_A_FILE, path]
    assert run_in_shell(command, '<&- >&- 2>&-') == (0, '')
    assert path.read_text() == 'written'


@pytest.mark.parametrize(
    ('module', 'code'), [('rich', ''), ('numpy', ''), ('requests', 'raise KeyError("x")')]
)
def test_namesake_on_pythonpath_is_one_line_with_status_2(tmp_path, module, code):
    (tmp_path / f'{module}.py').write_text(code)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.getenv('PYTHONPATH')]))
    command = 'verify' if module == 'requests' else 'sample'
    ended = run_elsewhere(python_m(command, '--help'), ROOT, PYTHONPATH=path)
    assert ended.status == 2
    [line] = ended.err.splitlines()
    assert line.startswith('error: this installation does not work: ')
    assert line.endswith(
        f'; unset PYTHONPATH ({path}), or use ./run_local.sh of a checkout'
    )
