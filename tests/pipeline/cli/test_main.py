"""What all commands have in common."""

import sys

from support.commands import ROOT, run_elsewhere

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


def test_a_thread_that_dies_is_told_of_if_verbose():
    argv = [sys.executable, '-c', _THREAD_DIES, 'build']
    ended = run_elsewhere(argv, ROOT)
    assert (ended.status, ended.err) == (2, 'error: the job failed\n')
    ended = run_elsewhere([*argv, '--verbose'], ROOT)
    assert ended.status == 2
    assert 'ZeroDivisionError' in ended.err
