"""The checks before a job is submitted to a Flink cluster. The cluster is a stand-in."""

import contextlib
import http.server
import json
import threading
import zipfile

import pytest
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PortableOptions,
)

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import parse_options
from indexed_imagenet.runners.flink import cluster as flink_cluster
from indexed_imagenet.runners.flink import rest, runner
from indexed_imagenet.runners.flink.runner import flink_job_server

POOL = ['--environment_type=EXTERNAL', '--environment_config=localhost:50000']


class Cluster:
    """Answers as Flink's REST interface does."""

    def __init__(self):
        self.answers = {
            '/overview': {
                'flink-version': '1.20.1',
                'slots-total': 6,
                'taskmanagers': 2,
            },
            '/jobmanager/config': [{'key': 'restart-strategy.type', 'value': 'fixed'}],
            '/jobs/overview': {'jobs': []},
        }
        self.patched = []

    def handler(self):
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer = cluster.answers.get(self.path)
                self.send_response(404 if answer is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def do_PATCH(self):
                cluster.patched.append(self.path)
                cluster.answers['/jobs/overview'] = {'jobs': []}
                self.send_response(202)
                self.end_headers()
                self.wfile.write(b'{}')

            def log_message(self, *args):
                pass

        return Handler


@pytest.fixture
def cluster():
    cluster = Cluster()
    server = http.server.ThreadingHTTPServer(('localhost', 0), cluster.handler())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cluster.master = f'localhost:{server.server_port}'
    yield cluster
    server.shutdown()
    server.server_close()


@pytest.fixture
def jar(tmp_path):
    """Makes as much of a job server's jar as is looked at."""

    def make_jar(version: str) -> str:
        path = tmp_path / f'job-server-{version}.jar'
        with zipfile.ZipFile(path, 'w') as archive:
            text = f'# a licence\nproject.version={version}\nscala.binary.version=2.12\n'
            archive.writestr('.flink-runtime.version.properties', text)
        return str(path)

    return make_jar


@pytest.fixture(autouse=True)
def no_programs(monkeypatch):
    """Looks for no Java and starts no job server."""
    monkeypatch.setattr(runner.shutil, 'which', lambda program: program)
    monkeypatch.setattr(runner, 'run_job_server', lambda *args: contextlib.nullcontext())


def prepare(*argv, writes='/data/out'):
    options = parse_options(['--runner=FlinkRunner', *argv])
    with flink_job_server(options, argv, 3, writes) as end_job:
        return options, end_job


def refusal(*argv, **more) -> str:
    with pytest.raises(UserError) as raised:
        prepare(*argv, **more)
    assert raised.value.exit_status == 2
    assert '\n' not in str(raised.value)
    return str(raised.value)


def on(cluster, *more) -> list[str]:
    return [f'--flink_master={cluster.master}', *POOL, *more]


def test_job_server_of_the_clusters_version_is_accepted(cluster, jar):
    path = jar('1.20.0')
    options, end_job = prepare(*on(cluster, f'--flink_job_server_jar={path}'))
    of_flink = options.view_as(FlinkRunnerOptions)
    assert of_flink.flink_master == f'http://{cluster.master}'
    assert of_flink.flink_version == '1.20'
    assert of_flink.parallelism == 6
    assert int(options.view_as(PortableOptions).environment_cache_millis) == 10_000
    assert callable(end_job)


def test_cluster_options_given_flags_win(cluster, jar):
    options, _ = prepare(
        *on(cluster, f'--flink_job_server_jar={jar("1.20.0")}', '--parallelism=2'),
        '--environment_cache_millis=5',
    )
    assert options.view_as(FlinkRunnerOptions).parallelism == 2
    assert int(options.view_as(PortableOptions).environment_cache_millis) == 5


@pytest.mark.parametrize(
    ('slots', 'task_managers', 'flags', 'workers'),
    [
        (6, 2, [], 3),
        (7, 2, [], 4),
        (2, 2, [], 1),
        (6, 2, ['--sdk_worker_parallelism=1'], 1),
        (0, 0, ['--parallelism=4'], 0),
    ],
)
def test_cluster_options_one_worker_process_per_slot(
    cluster, jar, slots, task_managers, flags, workers
):
    cluster.answers['/overview'] |= {'slots-total': slots, 'taskmanagers': task_managers}
    options, _ = prepare(*on(cluster, f'--flink_job_server_jar={jar("1.20.0")}'), *flags)
    assert int(options.view_as(PortableOptions).sdk_worker_parallelism) == workers


def test_job_server_of_another_version_is_refused(cluster, jar):
    path = jar('2.0.1')
    assert refusal(*on(cluster, f'--flink_job_server_jar={path}')) == (
        f'--flink_job_server_jar {path} is for Flink 2.0, but '
        f'http://{cluster.master} runs 1.20.1; give the job server for Flink 1.20'
    )


def test_flink_version_other_than_the_clusters_is_refused(cluster):
    message = refusal(*on(cluster, '--flink_version=2.0'))
    assert f'--flink_version is 2.0, but http://{cluster.master} runs Flink' in message
    assert 'drop the flag or give --flink_version=1.20' in message


def test_cluster_version_without_job_server_is_refused(cluster, jar):
    cluster.answers['/overview']['flink-version'] = '1.10.3'
    assert (
        'runs Flink 1.10.3, for which this version of Beam has no job server'
        in refusal(*on(cluster))
    )
    prepare(*on(cluster, f'--flink_job_server_jar={jar("1.10.0")}'))


def test_job_server_not_a_jar_is_refused(cluster, tmp_path):
    path = tmp_path / 'no.jar'
    flag = f'--flink_job_server_jar={path}'
    assert f'--flink_job_server_jar {path}: no such file' in refusal(*on(cluster, flag))
    path.write_text('text')
    assert f'--flink_job_server_jar {path} cannot be read as a jar: File is' in refusal(
        *on(cluster, flag)
    )


def test_job_server_without_version_is_accepted(cluster, tmp_path):
    path = tmp_path / 'silent.jar'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('other', '')
    prepare(*on(cluster, f'--flink_job_server_jar={path}'))


def test_job_server_download_fails_gives_the_remedy(cluster):
    message = refusal(*on(cluster, '--flink_job_server_jar=http://localhost:9/x.jar'))
    assert (
        'could not download the job server for Flink 1.20 from http://localhost:9/x.jar: '
        in message
    )
    assert 'give the path of a jar with --flink_job_server_jar' in message


@pytest.mark.parametrize('answer', [[], {'no': 'version'}, 'text', None])
def test_rest_response_not_flinks_is_refused(cluster, answer):
    cluster.answers['/overview'] = answer
    message = refusal(*on(cluster))
    assert message.startswith(f'--flink_master http://{cluster.master} ')
    assert 'give HOST:PORT of the REST interface of a running Flink' in message


def test_rest_connection_refused_gives_the_first_cause():
    assert refusal('--flink_master=localhost:9', *POOL) == (
        '--flink_master http://localhost:9 does not answer as Flink does: Connection '
        'refused; give HOST:PORT of the REST interface of a running Flink'
    )


@pytest.mark.parametrize('master', ['localhost:9', 'no host', 'http://[', ''])
def test_rest_no_answer_gives_the_remedy(master):
    message = refusal(f'--flink_master={master}', *POOL)
    assert 'give HOST:PORT of the REST interface of a running Flink' in message


def test_cluster_without_slots_needs_parallelism(cluster, jar):
    cluster.answers['/overview']['slots-total'] = 0
    flag = f'--flink_job_server_jar={jar("1.20.0")}'
    assert 'has no task slots; start task managers' in refusal(*on(cluster, flag))
    prepare(*on(cluster, flag, '--parallelism=4'))


def test_cluster_without_environment_type_is_refused(cluster):
    message = refusal(f'--flink_master={cluster.master}')
    assert message.startswith('--environment_type is missing; --flink_master http://')
    assert 'its task managers need Python workers' in message
    assert '--environment_type=EXTERNAL' in message


def test_cluster_without_restart_strategy_prints_a_note(cluster, jar, capsys):
    flag = f'--flink_job_server_jar={jar("1.20.0")}'
    prepare(*on(cluster, flag))
    assert 'restart-strategy' not in capsys.readouterr().err
    cluster.answers['/jobmanager/config'] = []
    prepare(*on(cluster, flag))
    assert 'has no restart-strategy in its configuration' in capsys.readouterr().err


def test_name_job_running_job_refuses_a_second(cluster, jar):
    flag = f'--flink_job_server_jar={jar("1.20.0")}'
    options, _ = prepare(*on(cluster, flag))
    name = options.view_as(GoogleCloudOptions).job_name
    job = {'jid': 'abc', 'name': name, 'state': 'RUNNING'}
    cluster.answers['/jobs/overview'] = {'jobs': [job]}
    assert (
        f'job abc of http://{cluster.master} is still writing into /data/out'
        in refusal(*on(cluster, flag))
    )
    prepare(*on(cluster, flag), writes='/data/other')
    cluster.answers['/jobs/overview'] = {'jobs': [{**job, 'state': 'FAILED'}]}
    prepare(*on(cluster, flag))


def test_end_job_cancels_by_name(cluster, jar, monkeypatch):
    monkeypatch.setattr(flink_cluster, '_WORKER_EXIT_TIME', 0.0)
    options, end_job = prepare(
        *on(cluster, f'--flink_job_server_jar={jar("1.20.0")}'),
        '--environment_cache_millis=0',
    )
    name = options.view_as(GoogleCloudOptions).job_name
    cluster.answers['/jobs/overview'] = {
        'jobs': [
            {'jid': 'ours', 'name': name, 'state': 'RUNNING'},
            {'jid': 'theirs', 'name': 'other', 'state': 'RUNNING'},
        ]
    }
    end_job()
    assert cluster.patched == ['/jobs/ours?mode=cancel']


def test_cancel_jobs_job_does_not_end_is_an_error(cluster, monkeypatch):
    monkeypatch.setattr(rest, '_CANCEL_TIMEOUT', 0.0)
    monkeypatch.setattr(
        rest,
        'call_rest',
        lambda *args: {'jobs': [{'jid': 'abc', 'name': 'ours', 'state': 'CANCELLING'}]},
    )
    with pytest.raises(UserError, match='job abc of http://m is still running 0 s'):
        rest.cancel_jobs('http://m', 'ours')


def test_embedded_flink_uses_the_cores_and_no_cluster(jar):
    options, end_job = prepare(f'--flink_job_server_jar={jar("2.2.0")}')
    assert options.view_as(FlinkRunnerOptions).parallelism == 3
    assert end_job is None


def test_java_missing_gives_the_remedy(monkeypatch):
    monkeypatch.setattr(runner.shutil, 'which', lambda program: None)
    assert refusal() == (
        '--job_server_java_launcher is java: no such program (expected Java 11 or 17, '
        'which Flink needs); install it or give the path of its java'
    )
