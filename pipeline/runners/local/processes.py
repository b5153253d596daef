"""The worker processes of a local job, and what happens when one dies.

They are forked once everything is imported and before any thread runs, and then wait
for their assignment: importing Beam in each would take longer than the planning of a
build. Where forking is unsafe, they are spawned.

Beam's own handler of worker processes waits forever if one exits early. Here a thread
watches all of them: if one exits early, it stops the others and wakes the launcher's
main thread.
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
from typing import Any

from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    GrpcWorkerHandler,
    WorkerHandler,
)
from google.protobuf import json_format, text_format

from indexed_imagenet.runners.local.worker import run_worker
from indexed_imagenet.runners.messages import RESUME
from indexed_imagenet.signals import Interrupt, block_signals

# Seconds within which the watching thread has seen any death.
_WATCH_DELAY = 0.3


def explain_exit(worker: int, pid: int, status: int) -> str:
    """Returns the error line for a worker that exited early.

    Args:
      worker: its number, from 1.
      pid: its process ID.
      status: its exit status, or minus the signal that ended it.
    """
    who = f'worker {worker} (pid {pid})'
    log = "(--verbose shows the worker's log)"
    if status == -signal.SIGKILL:
        return (
            f'{who} was killed by SIGKILL, most likely because memory ran out; '
            f'free some or use fewer workers (--direct_num_workers). {RESUME}'
        )
    if status == -signal.SIGTERM:
        return f'{who} was terminated by SIGTERM from outside. {RESUME}'
    if status < 0:
        name = signal.Signals(-status).name
        return f'{who} was terminated by {name}, a fault in native code. {RESUME} {log}'
    return f'{who} exited with status {status}. {RESUME} {log}'


def _start_method() -> str:
    """Returns how to start worker processes, as ``multiprocessing`` names it.

    A fork of a process with threads may wait forever for a lock that one of them held.
    So only the first job of a process forks (after it, gRPC has threads), and only
    without other threads and without TensorFlow, which has its own. On macOS the
    system's libraries start threads, too.
    """
    is_alone = threading.active_count() == 1 and 'tensorflow' not in sys.modules
    is_first = not LocalProcesses.started
    return 'fork' if sys.platform == 'linux' and is_alone and is_first else 'spawn'


class LocalProcesses:
    """The worker processes of one job.

    Attributes:
      job: the job's name, the only thing that Beam passes to its handlers.
      started: the number of jobs in this process that had worker processes.
    """

    started = 0
    _jobs: dict[bytes, 'LocalProcesses'] = {}

    def __init__(self, count: int, interrupt: Interrupt, verbose: bool, lock: str):
        """Starts the processes.

        Args:
          count: how many.
          interrupt: stopped when one of them dies.
          verbose: let them print errors.
          lock: a local folder that each of them locks while it works, or ''.
        """
        self.job = uuid.uuid4().hex
        self._lock_folder = lock
        self._interrupt = interrupt
        context: Any = multiprocessing.get_context(_start_method())
        LocalProcesses.started += 1
        self._environments = context.SimpleQueue()
        self._lock = threading.Lock()
        self._is_over = False
        self._watcher: threading.Thread | None = None
        arguments = (self._environments, os.getpid(), verbose)
        self._processes = [
            context.Process(target=run_worker, args=arguments, daemon=True)
            for _ in range(count)
        ]
        with block_signals():
            for process in self._processes:
                process.start()
        self._jobs[self.job.encode()] = self

    @classmethod
    def of(cls, job: bytes) -> 'LocalProcesses':
        """Returns the processes of a job, by its name."""
        return cls._jobs[job]

    def assign(self, variables: dict[str, str]) -> None:
        """Starts the work of one more process, with these environment variables."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
        self._environments.put((variables, self._lock_folder))

    def finish(self, has_failed: bool) -> None:
        """Marks the job as over: from now on the processes may exit.

        Args:
          has_failed: end the processes, after giving the watching thread the time to
            report one that is already dead: the runner may notice that first.
        """
        if has_failed and not self._is_over:
            time.sleep(_WATCH_DELAY)
        with self._lock:
            self._is_over = True
        if has_failed:
            self.end()

    def end(self) -> None:
        """Kills all processes and waits for their end."""
        with self._lock:
            self._is_over = True
            for process in self._processes:
                process.kill()
            for process in self._processes:
                process.join()
        self._jobs.pop(self.job.encode(), None)

    def _watch(self) -> None:
        exited = connection.wait([process.sentinel for process in self._processes])
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            for number, process in enumerate(self._processes, 1):
                if process.sentinel in exited:
                    process.join()
                    reason = explain_exit(number, process.pid, process.exitcode)
            for process in self._processes:
                process.kill()
            self._interrupt.stop(reason)


@contextlib.contextmanager
def local_processes(
    count: int, interrupt: Interrupt, verbose: bool, lock: str
) -> Iterator[LocalProcesses]:
    """Starts worker processes, and ends them with the context at the latest.

    The arguments are those of ``LocalProcesses``.
    """
    processes = LocalProcesses(count, interrupt, verbose, lock)
    try:
        yield processes
    finally:
        processes.end()


@WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)
class _LocalProcessHandler(GrpcWorkerHandler):
    """One worker as Beam's local runner handles it; replaces Beam's own handler.

    The payload of its environment is the job's name, not a command.
    """

    def __init__(self, payload: bytes, state: Any, provision_info: Any, grpc_server: Any):
        super().__init__(state, provision_info, grpc_server)
        self._processes = LocalProcesses.of(payload)

    def start_worker(self) -> None:
        options = self.provision_info.provision_info.pipeline_options
        self._processes.assign(
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

    def close(self) -> None:
        # Beam closes its workers in a `finally`, where an error in flight is visible.
        self._processes.finish(has_failed=sys.exc_info()[0] is not None)
        super().close()

    def stop_worker(self) -> None:
        pass  # the process is ended with all others
