"""Runs one of Beam's job servers next to the launcher, and stops it with the job.

Beam would start the server itself, but in the launcher's process group: there Ctrl-C
ends it before it can tell the cluster to cancel the job. Beam would also stop it only
when Python exits normally, which of all signals SIGINT alone allows.
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
from indexed_imagenet.runners.messages import last_line

# Seconds that a server may take to answer, and to end.
_START_TIMEOUT = 120.0
_STOP_TIMEOUT = 10.0

_PR_SET_PDEATHSIG = 1  # prctl(2)


def _die_with_parent() -> None:
    """Makes the kernel terminate this process when its parent dies (Linux)."""
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_ready(
    process: subprocess.Popen[bytes], endpoint: str, name: str, log: pathlib.Path
) -> None:
    """Waits until a server answers.

    Raises:
      UserError: it has exited, or does not answer in time.
    """
    deadline = time.monotonic() + _START_TIMEOUT
    with grpc.insecure_channel(endpoint) as channel:
        ready = grpc.channel_ready_future(channel)
        while True:
            with contextlib.suppress(grpc.FutureTimeoutError):
                ready.result(timeout=0.1)
                return
            status = process.poll()
            if status is not None:
                output = log.read_text(errors='replace') if log.exists() else ''
                raise UserError(
                    f'{name} exited with status {status} during startup: '
                    f'{last_line(output) or "no output"}; --verbose shows its full output'
                )
            if time.monotonic() > deadline:
                raise UserError(
                    f'{name} did not answer at {endpoint} within {_START_TIMEOUT:.0f} s; '
                    '--verbose shows its output'
                )


@contextlib.contextmanager
def run_job_server(
    name: str, server: SubprocessJobServer, folder: str, options: BuildOptions
) -> Iterator[None]:
    """Runs a job server for as long as the context lasts, and points the pipeline at it.

    Args:
      name: what messages call it.
      server: knows the command; it does not start it.
      folder: for the server's log.
      options: the pipeline's options; ``job_endpoint`` is set.

    Raises:
      UserError: the server does not start.
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
            preexec_fn=_die_with_parent,
        )
    try:
        _wait_until_ready(process, endpoint, name, log)
        options.view_as(PortableOptions).job_endpoint = endpoint
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
