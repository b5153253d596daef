"""The commands: ``indexed-imagenet COMMAND …``, or ``python -m pipeline``."""

import io
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from indexed_imagenet.console import open_stderr
from indexed_imagenet.errors import UserError
from indexed_imagenet.runners.local.malloc import configure_malloc
from indexed_imagenet.signals import raise_on_signals

_USAGE = """\
usage: indexed-imagenet COMMAND [flags]

  build    builds TFRecords from image folders and the index file
  verify   reads finished shards again and says what is wrong with them
  sample   makes a small ImageNet-like sample to build from, or checks what was
           built from it

indexed-imagenet COMMAND --help tells the flags of each.
"""


def _build(argv: Sequence[str]) -> None:
    from indexed_imagenet.cli.build import run

    run(argv)


def _verify(argv: Sequence[str]) -> None:
    from indexed_imagenet.cli.verify import run

    run(argv)


def _sample(argv: Sequence[str]) -> None:
    from indexed_imagenet.cli.sample import run

    run(argv)


# Each imports what it needs when it is called: TensorFlow alone takes seconds.
_COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    'build': _build,
    'verify': _verify,
    'sample': _sample,
}

# Those that take up what they had finished.
_RESUMABLE = ('build', 'sample')


def _how_to_go_on(command: str, argv: Sequence[str]) -> str:
    program = sys.argv[0]
    words = [program]
    if os.path.basename(program) == '__main__.py':
        words = [sys.executable, '-m', 'indexed_imagenet']
    again = shlex.join([*words, *argv])
    if command in _RESUMABLE:
        return f'what is finished is kept; to go on: {again}'
    return f'to start again: {again}'


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      argv: the command and its flags, without the program's name.

    Returns:
      The exit status: 0 if all is well, 1 if the input turned out to be bad or
      the job failed, 2 if nothing was started, 130 after Ctrl-C (128 and the
      signal's number after others).
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    configure_malloc()
    for stream in (sys.stdout, sys.stderr):  # names of files need not fit the locale
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
    verbose = '--verbose' in argv
    # Before Beam is imported: it logs while it is.
    logging.basicConfig(level=logging.INFO if verbose else logging.CRITICAL)
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '0' if verbose else '3')
    if not argv or argv[0] in ('-h', '--help', 'help'):
        print(_USAGE, end='')
        return 0 if argv else 2
    command, *flags = argv
    err = open_stderr()
    try:
        if command not in _COMMANDS:
            known = ', '.join(_COMMANDS)
            raise UserError(
                f'no command {command!r}, expected one of {known}; flags begin with --'
            )
        with raise_on_signals():
            _COMMANDS[command](flags)
    except UserError as error:
        if verbose and error.__cause__:
            logging.exception('the error below came from here')
        for line in str(error).splitlines():
            print(f'error: {line}', file=err)
        return error.exit_status
    except KeyboardInterrupt as stop:
        print(f'stopped; {_how_to_go_on(command, argv)}', file=err)
        return 128 + getattr(stop, 'signum', signal.SIGINT)
    except OSError as error:
        if verbose:
            logging.exception('the error below came from here')
        print(f'error: {error}; --verbose tells where', file=err)
        return 1
    return 0


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Has the log, which --verbose shows, tell what ended a thread.

    A runner's workers may live in this process, and their threads lose their
    connections when a job has failed: Python would print a stack trace for each.
    """
    exc_info = (ended.exc_type, ended.exc_value, ended.exc_traceback)
    logging.error('a thread has ended', exc_info=exc_info)


def main_and_exit() -> None:
    """Runs the command of this process, and ends it with the exit status.

    At once: to take all modules and objects of Beam apart first, as Python does
    at its end, took 0.4 s. But Beam stops what it has started for a runner of its
    own when Python ends.
    """
    threading.excepthook = _log_end_of_thread
    status = main()
    if any(arg.startswith('--runner') for arg in sys.argv):
        sys.exit(status)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # whoever read it has gone
            status = status or 1
    os._exit(status)
