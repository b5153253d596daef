import io
import sys

from rich.console import Console

from indexed_imagenet.console import print_line
from support.commands import ROOT, run_elsewhere

# Writes to standard error in every way: by Python, by its descriptor, by a child.
_WRITE = """
import os, subprocess, sys, threading
from indexed_imagenet.console import open_stderr, silence_stderr

def write(word):
    print(f'print-{word}', file=sys.stderr, flush=True)
    os.write(2, f'fd-{word}\\n'.encode())
    subprocess.run(['sh', '-c', f'echo child-{word} >&2'], check=True)
"""

_OVERLAP = """
first_open, second_open, first_closed = (threading.Event() for _ in range(3))

def first():
    with silence_stderr():
        first_open.set()
        second_open.wait(30)
    first_closed.set()

def second():
    first_open.wait(30)
    with silence_stderr():
        second_open.set()
        first_closed.wait(30)
        write('within')

threads = [threading.Thread(target=f) for f in (first, second)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
write('after')
"""

_OPENED = """
with open_stderr() as err:
    with silence_stderr():
        write('within')
        print('opened-within', file=err)
    print('opened-after', file=err)
"""

_CLOSED = """
os.close(2)
with silence_stderr():
    print('within', file=sys.stderr)
print('alive')
"""


def run_code(code):
    ended = run_elsewhere([sys.executable, '-c', _WRITE + code], ROOT)
    assert ended.status == 0, ended.err
    return ended


def test_silence_stderr_overlap_in_two_threads_last_one_restores():
    ended = run_code(_OVERLAP)
    assert ended.err.splitlines() == ['print-after', 'fd-after', 'child-after']


def test_silence_stderr_unless_discards_nothing():
    ended = run_code("with silence_stderr(unless=True):\n    write('within')\n")
    assert ended.err.splitlines() == ['print-within', 'fd-within', 'child-within']


def test_silence_stderr_after_an_error_is_restored():
    ended = run_code(
        'try:\n'
        '    with silence_stderr():\n'
        '        raise ValueError\n'
        'except ValueError:\n'
        "    write('after')\n"
    )
    assert ended.err.splitlines() == ['print-after', 'fd-after', 'child-after']


def test_silence_stderr_closed_standard_error_is_no_error():
    assert run_code(_CLOSED).out == 'alive\n'


def test_open_stderr_is_not_silenced():
    ended = run_code(_OPENED)
    assert ended.err.splitlines() == ['opened-within', 'opened-after']


def test_open_stderr_without_a_descriptor_is_sys_stderr():
    ended = run_code(
        'import io\n'
        'sys.stderr = io.StringIO()\n'
        'with open_stderr() as err:\n'
        '    print(err is sys.stderr)\n'
        'sys.stderr = sys.__stderr__\n'
    )
    assert ended.out == 'True\n'


def test_print_line_is_neither_wrapped_nor_parsed():
    screen = io.StringIO()
    line = '[bold]n01440764[/bold] 3 ' + 'x' * 100
    print_line(Console(file=screen, width=20, force_terminal=True), line)
    assert screen.getvalue() == line + '\n'
