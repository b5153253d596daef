"""The worker processes of a job on this machine, and what happens when one dies.

Beam's own handler of such processes waits for ever when one of them ends before
its work does. Here each is waited for by a thread of its own; if one ends early
the others are stopped, and the launcher's main thread is told.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence

from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    GrpcWorkerHandler,
    WorkerHandler,
)
from google.protobuf import json_format, text_format

from pipeline.interrupt import Interrupt

# Seconds that an idle worker gets to end by itself once the job is done.
_GRACE = 1.0
# Seconds until a worker's death is sure to have been noticed here.
_NOTICE = 0.3

_AGAIN = 'then give the same command again: what is finished is kept'


def describe_death(worker: int, pid: int, status: int) -> str:
    """What to say of a worker that ended before its work did.

    Args:
      worker: its number, from 1.
      pid: its process.
      status: exit status, or minus the signal that ended it.
    """
    who = f'worker {worker} (process {pid})'
    if status == -signal.SIGKILL:
        return (
            f'{who} was killed by SIGKILL, most likely by the system for want of memory; '
            f'free some, or take fewer workers (--direct_num_workers), {_AGAIN}'
        )
    if status < 0:
        name = signal.Signals(-status).name
        cause = 'from outside' if -status == signal.SIGTERM else 'a fault in native code'
        return f'{who} was ended by {name} ({cause}), expected to live; mend it, {_AGAIN}'
    return (
        f'{who} ended by itself with status {status}, expected to live; --verbose shows '
        f'what it said; {_AGAIN}'
    )


class LocalProcesses:
    """The worker processes of one job.

    Attributes:
      job: names it, as the handlers that Beam makes are given that alone.
    """

    _jobs: dict[bytes, 'LocalProcesses'] = {}

    def __init__(self, command: Sequence[str], interrupt: Interrupt):
        """Initializes the list, empty.

        Args:
          command: starts a worker.
          interrupt: what to tell of a death.
        """
        self.job = uuid.uuid4().hex
        self._command = list(command)
        self._interrupt = interrupt
        self._processes: list[subprocess.Popen] = []
        self._lock = threading.Lock()
        self._is_closing = False
        self._jobs[self.job.encode()] = self

    @classmethod
    def of(cls, job: bytes) -> 'LocalProcesses':
        """The processes of a job, by its name."""
        return cls._jobs[job]

    def start(self, environment: dict[str, str]) -> subprocess.Popen:
        """Starts one more worker, with these variables beside ours."""
        # In a group of its own: Ctrl-C is for the launcher, which stops its workers.
        process = subprocess.Popen(
            self._command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        with self._lock:
            self._processes.append(process)
            number = len(self._processes)
        watch = threading.Thread(
            target=self._watch, args=(number, process), name='watch_worker', daemon=True
        )
        watch.start()
        return process

    def expect_ends(self, has_failed: bool) -> None:
        """The job is over: from now on workers may end.

        If it has failed they are ended, and one that is dead already is why: the
        runner may notice that sooner than the thread that waits for it.
        """
        if has_failed and not self._is_closing:
            time.sleep(_NOTICE)
        with self._lock:
            self._is_closing = True
            if has_failed:
                for process in self._processes:
                    process.kill()

    def _watch(self, number: int, process: subprocess.Popen) -> None:
        status = process.wait()
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True  # the others are about to end as well
            for other in self._processes:
                other.kill()
            self._interrupt.stop(describe_death(number, process.pid, status))


@WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)
class _LocalProcessHandler(GrpcWorkerHandler):
    """One worker, as Beam's local runner deals with it; takes Beam's own one's place.

    The payload of its environment is not a command but the name of the job.
    """

    def __init__(self, payload, state, provision_info, grpc_server):
        super().__init__(state, provision_info, grpc_server)
        self._processes = LocalProcesses.of(payload)

    def start_worker(self):
        options = self.provision_info.provision_info.pipeline_options
        self._process = self._processes.start(
            {
                'WORKER_ID': self.worker_id,
                'CONTROL_API_SERVICE_DESCRIPTOR': text_format.MessageToString(
                    self.control_api_service_descriptor()
                ),
                'LOGGING_API_SERVICE_DESCRIPTOR': text_format.MessageToString(
                    self.logging_api_service_descriptor()
                ),
                'PIPELINE_OPTIONS': json_format.MessageToJson(options),
            }
        )

    def close(self):
        # Beam closes its workers in a `finally`: an error that is on its way shows.
        self._processes.expect_ends(has_failed=sys.exc_info()[0] is not None)
        super().close()

    def stop_worker(self):
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
