"""A stand-in for the Dataflow service and its workers.

It answers the calls of Beam's Dataflow client as the service's REST API does. It runs
each job from what was staged, as workers would: in a clean environment, with nothing of
the launcher's (``dataflow_worker.py``). It knows only what the client sends, and nothing
of this project.
"""

import contextlib
import datetime
import http.server
import json
import pathlib
import re
import subprocess
import sys
import sysconfig
import threading
import uuid
from collections.abc import Iterator
from typing import Any

from google.cloud import dataflow

_WORKER = pathlib.Path(__file__).with_name('dataflow_worker.py')
_JOBS = re.compile(r'/v1b3/projects/([^/]+)/locations/([^/]+)/jobs(?:/([^/]+))?(/\w+)?')
_STATE = dataflow.JobState
_TOKEN = {
    'access_token': 'x',
    'issued_token_type': 'urn:ietf:params:oauth:token-type:access_token',
    'token_type': 'Bearer',
    'expires_in': 3600,
}


def make_environment(folder: pathlib.Path, *more: pathlib.Path) -> pathlib.Path:
    """Makes a Python environment with the packages of this one, within a second.

    Editable installs are missing: their links work in their own environment only.

    Args:
      folder: for the environment.
      more: other folders to import from.

    Returns:
      The path of its interpreter.
    """
    subprocess.run(
        [sys.executable, '-m', 'venv', '--without-pip', folder], check=True, timeout=60
    )
    [packages] = folder.glob('lib/python*/site-packages')
    paths = [*more, sysconfig.get_path('purelib')]
    (packages / 'more.pth').write_text(''.join(f'{path}\n' for path in paths))
    return folder / 'bin' / 'python'


class Job:
    """A job.

    Attributes:
      id: in the service's form.
      sent: the job as the client sent it.
      state: the current one.
      messages: the job's log, (importance, text).
      process: its worker, once it has started.
    """

    def __init__(self, sent: dataflow.Job, folder: pathlib.Path, worker: pathlib.Path):
        self.id = f'2026-01-01_{uuid.uuid4().hex[:8]}'
        self.sent = sent
        self.state = _STATE.JOB_STATE_PENDING
        self.messages: list[tuple[str, str]] = []
        self._folder = folder / self.id
        self._program = worker
        self.process: subprocess.Popen | None = None
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        python = make_environment(self._folder)
        description = self._folder / 'job.json'
        description.write_text(dataflow.Job.to_json(self.sent))
        log = self._folder / 'log.txt'
        with open(log, 'wb') as output:
            # -I: nothing is imported from the current folder or PYTHONPATH.
            self.process = subprocess.Popen(
                [python, '-I', self._program, description, self._folder],
                cwd=self._folder,
                stdout=output,
                stderr=output,
            )
            with self._changing:
                if self.state == _STATE.JOB_STATE_CANCELLING:
                    self.process.terminate()
                else:
                    self.state = _STATE.JOB_STATE_RUNNING
            status = self.process.wait()
        if self.state == _STATE.JOB_STATE_CANCELLING:
            self.state = _STATE.JOB_STATE_CANCELLED
        elif status:
            self.messages.append(('JOB_MESSAGE_ERROR', log.read_text()[-4000:]))
            self.state = _STATE.JOB_STATE_FAILED
        else:
            self.messages.append(('JOB_MESSAGE_BASIC', 'Worker pool stopped.'))
            self.state = _STATE.JOB_STATE_DONE

    def cancel(self) -> None:
        """Cancels the job, as the console does, if it has not ended."""
        with self._changing:
            if self._thread.is_alive():
                self.state = _STATE.JOB_STATE_CANCELLING
                if self.process:
                    self.process.terminate()

    def end(self) -> None:
        self.cancel()
        self._thread.join()

    def to_json(self) -> str:
        return dataflow.Job.to_json(
            dataflow.Job(
                id=self.id,
                name=self.sent.name,
                current_state=self.state,
                client_request_id=self.sent.client_request_id,
            )
        )


class DataflowService:
    """The service.

    Attributes:
      url: where it listens.
      jobs: all jobs, by ID.
      worker: the program that runs a job, with the arguments of ``dataflow_worker.py``.
      refusals: the response to all calls of an HTTP method, (status, message).
    """

    def __init__(self, folder: pathlib.Path):
        self.jobs: dict[str, Job] = {}
        self.worker = _WORKER
        self.refusals: dict[str, tuple[int, str]] = {}
        self._folder = folder
        self._server = http.server.ThreadingHTTPServer(
            ('localhost', 0), _handler_of(self)
        )
        self.url = f'http://localhost:{self._server.server_port}'

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.1)

    def worker_processes(self) -> list[int]:
        """Returns the process IDs of all workers, even of those that have ended."""
        return [job.process.pid for job in self.jobs.values() if job.process]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for job in self.jobs.values():
            job.end()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str]:
        """Returns the response to a call: HTTP status and JSON."""
        if path == '/token':  # stands in for Google's token service
            return 200, json.dumps(_TOKEN)
        if method in self.refusals:
            return _error(*self.refusals[method])
        match = _JOBS.fullmatch(path)
        if not match:
            return _error(404, f'nothing at {path}')
        job_id, part = match[3], match[4]
        if job_id is None:
            return self._create(body) if method == 'POST' else self._list_active()
        job = self.jobs.get(job_id)
        if job is None:
            return _error(404, f'no job {job_id}')
        if part == '/messages':
            return 200, json.dumps({'jobMessages': list(_messages(job))})
        if part == '/metrics':
            return 200, '{"metrics": []}'
        if method == 'PUT':
            wanted = dataflow.Job.from_json(body, ignore_unknown_fields=True)
            if wanted.requested_state == _STATE.JOB_STATE_CANCELLED:
                job.cancel()
        return 200, job.to_json()

    def _active(self) -> list[Job]:
        ended = ('JOB_STATE_DONE', 'JOB_STATE_FAILED', 'JOB_STATE_CANCELLED')
        return [job for job in self.jobs.values() if job.state.name not in ended]

    def _list_active(self) -> tuple[int, str]:
        jobs = [json.loads(job.to_json()) for job in self._active()]
        return 200, json.dumps({'jobs': jobs})

    def _create(self, body: bytes) -> tuple[int, str]:
        job = Job(dataflow.Job.from_json(body), self._folder, self.worker)
        if job.sent.name in {active.sent.name for active in self._active()}:
            return _error(409, f'There is already an active job named {job.sent.name}.')
        self.jobs[job.id] = job
        job.start()
        return 200, job.to_json()


def _messages(job: Job) -> Iterator[dict[str, Any]]:
    now = datetime.datetime.now(datetime.UTC).isoformat()
    for i, (importance, text) in enumerate(job.messages):
        yield {
            'id': str(i),
            'time': now.replace('+00:00', 'Z'),
            'messageText': text,
            'messageImportance': importance,
        }


def _error(status: int, message: str) -> tuple[int, str]:
    return status, json.dumps({'error': {'code': status, 'message': message}})


def _handler_of(service: DataflowService) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self):
            body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
            path = self.path.partition('?')[0]
            status, text = service.answer(self.command, path, body)
            self.send_response(status)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *args):
            pass

    return Handler


@contextlib.contextmanager
def dataflow_service(folder: pathlib.Path) -> Iterator[DataflowService]:
    """Runs the service for as long as the context lasts.

    Args:
      folder: for the environments of its workers.
    """
    service = DataflowService(folder)
    thread = threading.Thread(target=service.serve, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.close()
        thread.join()


def write_credentials(folder: pathlib.Path, token_url: str) -> pathlib.Path:
    """Writes a credentials file whose tokens come from a URL instead of Google.

    Returns:
      Its path, for GOOGLE_APPLICATION_CREDENTIALS.
    """
    subject = folder / 'subject.txt'
    subject.write_text('x')
    path = folder / 'credentials.json'
    path.write_text(
        json.dumps(
            {
                'type': 'external_account',
                'audience': '//localhost/tests',
                'subject_token_type': 'urn:ietf:params:oauth:token-type:jwt',
                'token_url': token_url,
                'credential_source': {'file': str(subject)},
            }
        )
    )
    return path
