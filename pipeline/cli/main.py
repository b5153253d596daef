"""The command line: ``indexed-imagenet COMMAND …``."""

import contextlib
import io
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from indexed_imagenet import __version__
from indexed_imagenet.console import open_stderr, prepare_streams
from indexed_imagenet.errors import UserError
from indexed_imagenet.runners.local.malloc import configure_malloc
from indexed_imagenet.runners.proxies import bypass_proxies_on_loopback
from indexed_imagenet.signals import raise_on_signals
from indexed_imagenet.text import error_text, one_line

_USAGE = """\
usage: indexed-imagenet COMMAND [flags]

  build    build TFRecords from ImageNet's images and the index file
  index    make an index file for images of your own, in class folders
  verify   read finished shards and report what is wrong with them
  export   write chosen examples as JPEG files, named by their index
  join     join a published table of scores with the index, or say why it does not fit
  top      list the examples with the highest scores
  show     put chosen examples on one HTML page or a contact sheet
  report   describe a finished data set on one HTML page
  sample   make a small ImageNet-like data set to try a build on, or check what was
           built from it

  help COMMAND   show the flags of a command
  --version      show the version
"""


@contextlib.contextmanager
def _importing() -> Iterator[None]:
    """Turns what goes wrong when a command is imported into one line.

    That is never the command's own fault: a package is missing, or something on
    ``PYTHONPATH`` has its name.

    Raises:
      UserError: something went wrong.
    """
    try:
        yield
    except Exception as error:
        others = os.environ.get('PYTHONPATH')
        remedy = f'unset PYTHONPATH ({others})' if others else 'install it again'
        raise UserError(
            f'this installation does not work: {type(error).__name__}: '
            f'{error_text(error)}; {remedy}, or use ./run_local.sh of a checkout'
        ) from error


def _build(argv: Sequence[str]) -> None:
    with _importing():
        from indexed_imagenet.cli.build import run

    run(argv)


def _index(argv: Sequence[str]) -> None:
    with _importing():
        from indexed_imagenet.cli.index import run

    run(argv)


def _verify(argv: Sequence[str]) -> None:
    with _importing():
        from indexed_imagenet.cli.verify import run

    run(argv)


def _sample(argv: Sequence[str]) -> None:
    with _importing():
        from indexed_imagenet.cli.sample import run

    run(argv)


def _export(argv: Sequence[str]) -> None:
    from indexed_imagenet.cli.export import run

    run(argv)


def _join(argv: Sequence[str]) -> None:
    from indexed_imagenet.cli.join import run

    run(argv)


def _top(argv: Sequence[str]) -> None:
    from indexed_imagenet.cli.top import run

    run(argv)


def _show(argv: Sequence[str]) -> None:
    from indexed_imagenet.cli.show import run

    run(argv)


def _report(argv: Sequence[str]) -> None:
    from indexed_imagenet.cli.report import run

    run(argv)


# Each command imports what it needs when it is run: TensorFlow alone takes seconds.
_COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    'build': _build,
    'index': _index,
    'verify': _verify,
    'export': _export,
    'join': _join,
    'top': _top,
    'show': _show,
    'report': _report,
    'sample': _sample,
}

# The commands that run a Beam job in this process.
_JOBS = ('build', 'verify')

# The commands that keep finished shards and skip them when rerun.
_RESUMABLE = ('build',)


def _stop_message(command: str, argv: Sequence[str]) -> str:
    """Returns what to report after Ctrl-C: the same command, to run again."""
    program = [sys.argv[0]]
    if os.path.basename(sys.argv[0]) == '__main__.py':
        program = [sys.executable, '-m', 'indexed_imagenet']
    rerun = shlex.join([*program, *argv])
    if command in _RESUMABLE:
        return f'stopped; finished shards are kept. To resume: {rerun}'
    return f'stopped. To rerun: {rerun}'


def _run_command(command: str, flags: Sequence[str], verbose: bool, err: TextIO) -> int:
    """Runs one command, prints why it failed, and returns the exit status."""
    try:
        if command not in _COMMANDS:
            known = ', '.join(_COMMANDS)
            raise UserError(
                f'{command!r} is not a command (expected one of {known}); see --help'
            )
        with raise_on_signals():
            _COMMANDS[command](flags)
    except UserError as error:
        if verbose and error.__cause__:
            logging.exception('cause of the error below')
        for line in str(error).splitlines():
            print(f'error: {line}', file=err)
        return error.exit_status
    except KeyboardInterrupt as stop:
        print(_stop_message(command, [command, *flags]), file=err)
        return 128 + getattr(stop, 'signum', signal.SIGINT)
    except OSError as error:
        if verbose:
            logging.exception('cause of the error below')
        print(f'error: {one_line(error)}; --verbose shows where', file=err)
        return 1
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      argv: the command and its flags, without the program; those of this process by
        default.

    Returns:
      The exit status: 0 for success, 1 if the input is bad or the job failed, 2 if
      nothing was started, 130 after Ctrl-C (128 + the signal's number after other
      signals).

    Raises:
      SystemExit: the help of a command was asked for and printed.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    bypass_proxies_on_loopback()  # before Beam imports gRPC
    for stream in (sys.stdout, sys.stderr):  # a file name may not fit the locale
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
    verbose = '--verbose' in argv
    # Before Beam is imported, because it logs during its import.
    logging.basicConfig(level=logging.INFO if verbose else logging.CRITICAL)
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '0' if verbose else '3')
    if argv[:1] == ['help'] and len(argv) > 1:
        argv = [argv[1], '--help']
    if not argv or argv[0] in ('-h', '--help', 'help'):
        print(_USAGE, end='')
        return 0 if argv else 2
    if argv[0] == '--version':
        print(f'indexed-imagenet {__version__}')
        return 0
    command, *flags = argv
    if command in _JOBS:
        configure_malloc()
    with open_stderr() as err:
        return _run_command(command, flags, verbose, err)


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Logs the exception that ended a thread; --verbose shows the log.

    Python's own hook prints a stack trace for each. When a job fails, many threads of
    workers in this process lose their connections.
    """
    logging.error('a thread ended', exc_info=ended.exc_value or True)


def main_and_exit() -> None:
    """Runs the command of this process and exits with its status.

    Exits at once, without Python's clean-up of all modules and objects, which took
    0.4 s after a build. With ``--runner`` it exits normally, because Beam stops what it
    has started for a runner in that clean-up.
    """
    prepare_streams()
    threading.excepthook = _log_end_of_thread
    try:
        status = main()
    except SystemExit as end:  # the help of a command was printed
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    try:
        sys.stdout.flush()
    except OSError as error:
        print(f'error: {one_line(error)}', file=sys.stderr)
        status = status or 1
    if any(arg.startswith('--runner') for arg in sys.argv):
        sys.exit(status)
    os._exit(status)
