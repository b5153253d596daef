"""Runs a job server of Beam's beside the launcher, and stops it with the job.

Beam would start it itself, but in the launcher's process group, where Ctrl-C
ends it before it can hand a cluster the order to cancel, and stop it when
Python ends, which no signal but SIGINT lets it come to.
"""

import contextlib
import ctypes
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import grpc
from apache_beam.options.pipeline_options import PortableOptions
from apache_beam.runners.portability.job_server import SubprocessJobServer

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.text import printable

# Seconds that a server may take to answer, and to end.
_STARTS_WITHIN = 120.0
_ENDS_WITHIN = 10.0

_PR_SET_PDEATHSIG = 1  # prctl(2)


def _end_with_launcher() -> None:
    """Has the kernel end this process when the one that started it dies."""
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _last_line(log: pathlib.Path) -> str:
    lines = log.read_text(errors='replace').split('\n') if log.exists() else []
    said = [line.strip() for line in lines if line.strip()]
    return printable(said[-1]) if said else 'it said nothing'


def _wait_until_ready(
    process: subprocess.Popen, endpoint: str, name: str, log: pathlib.Path
) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    with grpc.insecure_channel(endpoint) as channel:
        ready = grpc.channel_ready_future(channel)
        while True:
            with contextlib.suppress(grpc.FutureTimeoutError):
                return ready.result(timeout=0.1)
            status = process.poll()
            if status is not None:
                raise UserError(
                    f'{name} ended as it was started, with status {status}: '
                    f'{_last_line(log)}; --verbose shows all that it says'
                )
            if time.monotonic() > deadline:
                raise UserError(
                    f'{name} does not answer at {endpoint} after {_STARTS_WITHIN:.0f} s; '
                    '--verbose shows what it says'
                )


@contextlib.contextmanager
def running_job_server(
    name: str, server: SubprocessJobServer, folder: str, options: BuildOptions
) -> Iterator[None]:
    """Starts a job server, and has the pipeline use it while the context lasts.

    Args:
      name: what the user knows it as.
      server: knows the command; it is not asked to start it.
      folder: for its log.
      options: the pipeline's; ``job_endpoint`` is set.

    Raises:
      UserError: it does not start.
    """
    argv, endpoint = server.subprocess_cmd_and_endpoint()
    log = pathlib.Path(folder, 'job-server.log')
    with contextlib.ExitStack() as opened:
        output = sys.stderr if options.verbose else opened.enter_context(log.open('w'))
        process = subprocess.Popen(
            [str(arg) for arg in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_launcher,
        )
    try:
        _wait_until_ready(process, endpoint, name, log)
        options.view_as(PortableOptions).job_endpoint = endpoint
        yield
    finally:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
