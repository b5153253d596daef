"""The worker processes of a job on this machine, and what happens when one dies.

They are forked once everything is imported and no thread is running yet, and
then wait for their work: importing Beam in each took longer than the planning of
a build. Where forking is not safe they are started anew.

Beam's own handler of worker processes waits for ever when one of them ends before
its work does. Here a thread waits for all of them; if one ends early the others
are stopped, and the launcher's main thread is told.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from multiprocessing import connection

from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    GrpcWorkerHandler,
    WorkerHandler,
)
from google.protobuf import json_format, text_format

from indexed_imagenet.runners.local.worker import work
from indexed_imagenet.signals import Interrupt, block_signals

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


def _start_method() -> str:
    """How worker processes are started, as ``multiprocessing`` names it.

    A copy of a process with threads may wait for ever for what one of them held.
    So only the first job of a process is forked (gRPC has threads of its own after
    that), and none beside other threads, or TensorFlow's. On macOS, the system's
    own libraries have some.
    """
    is_alone = threading.active_count() == 1 and 'tensorflow' not in sys.modules
    is_first = not LocalProcesses.started
    return 'fork' if sys.platform == 'linux' and is_alone and is_first else 'spawn'


class LocalProcesses:
    """The worker processes of one job.

    Attributes:
      job: names it, as the handlers that Beam makes are given that alone.
      started: how many jobs of this process have had worker processes.
    """

    started = 0
    _jobs: dict[bytes, 'LocalProcesses'] = {}

    def __init__(self, count: int, interrupt: Interrupt, verbose: bool, lock: str):
        """Starts the processes.

        Args:
          count: how many.
          interrupt: what to tell of a death.
          verbose: whether they print errors.
          lock: a local folder that each of them holds once it is at work, or ''.
        """
        self.job = uuid.uuid4().hex
        self._lock_folder = lock
        self._interrupt = interrupt
        context = multiprocessing.get_context(_start_method())
        LocalProcesses.started += 1
        self._environments = context.SimpleQueue()
        self._lock = threading.Lock()
        self._is_over = False
        self._watcher: threading.Thread | None = None
        arguments = (self._environments, os.getpid(), verbose)
        self._processes = [
            context.Process(target=work, args=arguments, daemon=True)
            for _ in range(count)
        ]
        with block_signals():
            for process in self._processes:
                process.start()
        self._jobs[self.job.encode()] = self

    @classmethod
    def of(cls, job: bytes) -> 'LocalProcesses':
        """The processes of a job, by its name."""
        return cls._jobs[job]

    def put_to_work(self, variables: dict[str, str]) -> None:
        """Has one more of them work, with these variables in its environment."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
        self._environments.put((variables, self._lock_folder))

    def expect_ends(self, has_failed: bool) -> None:
        """The job is over: from now on they may end.

        If it has failed they are ended, and one that is dead already is why: the
        runner may notice that sooner than the thread that waits for it.
        """
        if has_failed and not self._is_over:
            time.sleep(_NOTICE)
        with self._lock:
            self._is_over = True
        if has_failed:
            self.end()

    def end(self) -> None:
        """Ends them all."""
        with self._lock:
            self._is_over = True
            for process in self._processes:
                process.kill()
            for process in self._processes:
                process.join()
        self._jobs.pop(self.job.encode(), None)

    def _watch(self) -> None:
        ended = connection.wait([process.sentinel for process in self._processes])
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            for number, process in enumerate(self._processes, 1):
                if process.sentinel in ended:
                    process.join()
                    death = describe_death(number, process.pid, process.exitcode)
            for process in self._processes:
                process.kill()
            self._interrupt.stop(death)


@contextlib.contextmanager
def local_processes(
    count: int, interrupt: Interrupt, verbose: bool, lock: str
) -> Iterator[LocalProcesses]:
    """Starts worker processes, and ends them at the latest when the context does.

    The arguments are those of ``LocalProcesses``.
    """
    processes = LocalProcesses(count, interrupt, verbose, lock)
    try:
        yield processes
    finally:
        processes.end()


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
        self._processes.put_to_work(
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
        pass  # its work is done; it is ended with all others
