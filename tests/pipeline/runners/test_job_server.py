"""A job server next to the launcher: started, stopped, explained. A stand-in."""

import subprocess
import sys
import time

import pytest
from apache_beam.options.pipeline_options import PortableOptions
from apache_beam.utils.subprocess_server import pick_port

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import parse_options
from indexed_imagenet.runners import job_server
from indexed_imagenet.runners.job_server import run_job_server

_SERVE = """
import concurrent.futures, grpc, sys, time
server = grpc.server(concurrent.futures.ThreadPoolExecutor())
server.add_insecure_port(sys.argv[1])
server.start()
time.sleep(100)
"""


class Server:
    """Knows its command, as Beam's job servers do."""

    def __init__(self, program: str):
        [port] = pick_port(None)
        self.endpoint = f'localhost:{port}'
        self.argv = [sys.executable, '-c', program, self.endpoint]

    def subprocess_cmd_and_endpoint(self):
        return self.argv, self.endpoint


@pytest.fixture
def started(monkeypatch):
    """The processes that ``job_server`` has started."""
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(job_server.subprocess, 'Popen', Recorded)
    return started


def test_job_server_context_ends_stops_it(tmp_path, started):
    options, server = parse_options([]), Server(_SERVE)
    with run_job_server('A server', server, str(tmp_path), options):
        assert options.view_as(PortableOptions).job_endpoint == server.endpoint
        [process] = started
        assert process.poll() is None
    assert process.poll() is not None


def test_job_server_ignores_sigterm_is_killed(tmp_path, started, monkeypatch):
    monkeypatch.setattr(job_server, '_STOP_TIMEOUT', 0.1)
    deaf = 'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n' + _SERVE
    with run_job_server('A server', Server(deaf), str(tmp_path), parse_options([])):
        pass
    assert started[0].returncode == -9


def test_job_server_exits_at_once_error_has_its_last_line(tmp_path):
    server = Server('import sys; print("first"); sys.exit("no such\\tflag\\n")')
    with (
        pytest.raises(UserError) as raised,
        run_job_server('A server', server, str(tmp_path), parse_options([])),
    ):
        pass
    assert str(raised.value) == (
        'A server exited with status 1 during startup: no such\\tflag; --verbose shows '
        'its full output'
    )


def test_job_server_does_not_answer_is_stopped(tmp_path, started, monkeypatch):
    monkeypatch.setattr(job_server, '_START_TIMEOUT', 0.5)
    server = Server('import time; time.sleep(100)')
    with (
        pytest.raises(UserError, match=f'did not answer at {server.endpoint} within'),
        run_job_server('A server', server, str(tmp_path), parse_options([])),
    ):
        pass
    assert started[0].poll() is not None


def test_job_server_launcher_killed_dies_with_it(tmp_path):
    program = (
        'import subprocess, sys, time\n'
        'from indexed_imagenet.runners.job_server import _die_with_parent\n'
        'child = subprocess.Popen(["sleep", "100"], preexec_fn=_die_with_parent)\n'
        'print(child.pid, flush=True)\n'
        'time.sleep(100)\n'
    )
    parent = subprocess.Popen(
        [sys.executable, '-c', program], stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(100):
        state = subprocess.run(
            ['ps', '-o', 'stat=', '-p', str(child)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        if not state or state.startswith('Z'):
            return
        time.sleep(0.1)
    pytest.fail(f'{child} outlived its launcher')
