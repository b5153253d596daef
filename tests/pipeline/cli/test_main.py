"""Help, version, errors and signals of all commands."""

import shlex
import sys

import pytest

import indexed_imagenet
from indexed_imagenet.cli import main as commands
from support.commands import ROOT, python_m, run_elsewhere

_THREAD_DIES = """
import sys, threading
from indexed_imagenet.cli import main as commands
from indexed_imagenet.errors import UserError

def build(argv):
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    raise UserError('the job failed')

commands._COMMANDS['build'] = build
commands.main_and_exit()
"""


def test_thread_that_dies_is_logged_only_if_verbose():
    argv = [sys.executable, '-c', _THREAD_DIES, 'build']
    ended = run_elsewhere(argv, ROOT)
    assert (ended.status, ended.err) == (2, 'error: the job failed\n')
    ended = run_elsewhere([*argv, '--verbose'], ROOT)
    assert ended.status == 2
    assert 'ZeroDivisionError' in ended.err


def test_version_is_that_of_the_package(run):
    ended = run('--version')
    assert (ended.status, ended.err) == (0, '')
    assert ended.out == f'indexed-imagenet {indexed_imagenet.__version__}\n'


@pytest.mark.parametrize('argv', [['help'], ['-h'], ['--help'], ['help', '--help']])
def test_help_shows_every_command(run, argv):
    ended = run(*argv)
    assert ended.status == 0
    for command in ('build', 'verify', 'sample', 'help COMMAND', '--version'):
        assert f'\n  {command} ' in ended.out


def test_no_command_shows_the_help_with_status_2(run):
    assert (run().status, run('help').out == run().out) == (2, True)


@pytest.mark.parametrize('command', ['build', 'verify', 'sample'])
def test_help_command_shows_the_flags_of_the_command(run, capfd, command):
    shown = []
    for argv in (['help', command], [command, '--help']):
        with pytest.raises(SystemExit) as stopped:
            run(*argv)
        assert not stopped.value.code
        shown.append(capfd.readouterr().out)
    assert shown[0] == shown[1]
    assert shown[0].startswith(f'usage: indexed-imagenet {command} ')
    assert '--' in shown[0]


def test_help_command_from_a_shell_exits_with_status_0():
    ended = run_elsewhere(python_m('help', 'sample'), ROOT)
    assert (ended.status, ended.err) == (0, '')
    assert '--validation_images' in ended.out


@pytest.mark.parametrize('argv', [['biuld'], ['help', 'biuld'], ['biuld', '--help']])
def test_unknown_command_is_one_line_with_status_2(run, argv):
    ended = run(*argv)
    assert ended.status == 2
    assert ended.err == (
        "error: 'biuld' is not a command (expected one of build, index, verify, export, "
        'join, top, show, report, sample); see --help\n'
    )


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        ('build', 'stopped; finished shards are kept. To resume: '),
        ('verify', 'stopped. To rerun: '),
    ],
)
def test_ctrl_c_prints_the_command_to_run_again(run, monkeypatch, command, message):
    def stop(argv):
        raise KeyboardInterrupt

    monkeypatch.setitem(commands._COMMANDS, command, stop)
    monkeypatch.setattr(sys, 'argv', ['/bin/a b', 'ignored'])
    ended = run(command, '--output_directory=x y')
    assert ended.status == 130
    again = shlex.join(['/bin/a b', command, '--output_directory=x y'])
    assert ended.err == f'{message}{again}\n'


def test_os_error_is_one_line_with_status_1(run, monkeypatch):
    def fail(argv):
        raise OSError(5, 'Input/output\nerror', 'a')

    monkeypatch.setitem(commands._COMMANDS, 'verify', fail)
    ended = run('verify')
    assert ended.status == 1
    assert ended.err == (
        "error: [Errno 5] Input/output error: 'a'; --verbose shows where\n"
    )
