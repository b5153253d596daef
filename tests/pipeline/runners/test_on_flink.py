"""Builds on a real Flink: embedded in the job server, and on a standalone cluster."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from support import engines
from support.commands import ROOT, build_command, digests, python_m
from support.flink_cluster import flink_cluster
from support.processes import running_with


@pytest.fixture(scope='module')
def cluster(tmp_path_factory):
    with flink_cluster(tmp_path_factory.mktemp('flink') / 'cluster', slots=1) as cluster:
        yield cluster


@pytest.fixture(scope='module')
def embedded() -> list[str]:
    return [
        '--runner=FlinkRunner',
        f'--flink_job_server_jar={engines.flink_job_server()}',
    ]


def test_embedded_flink_same_bytes_as_local(golden, local, tmp_path, run_there, embedded):
    ended = run_there(build_command(golden, tmp_path / 'out'), *embedded)
    assert ended.status == 0, ended.err
    assert digests(tmp_path / 'out') == local
    assert 'train: complete, fingerprint sha256' in ended.out
    assert running_with(str(tmp_path)) == []  # not even the job server


def test_cluster_same_bytes_as_local(golden, local, tmp_path, run_there, cluster):
    ended = run_there(build_command(golden, tmp_path / 'out'), *cluster.flags())
    assert ended.status == 0, ended.err
    assert digests(tmp_path / 'out') == local
    assert 'train: complete, fingerprint sha256' in ended.out
    assert 'train 51 of 51 records, ' in ended.err
    assert 'validation 24 of 24 records' in ended.err
    assert [job['status'] for job in cluster.get('/jobs')['jobs']][-1:] == ['FINISHED']


def test_cluster_verify_reports_the_fault(golden, tmp_path, run_there, cluster):
    output, shared = tmp_path / 'out', tmp_path / 'shared'
    assert run_there(build_command(golden, output)).status == 0
    shard = output / 'train-00001-of-00004'
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    ended = run_there(['verify', output, f'--temp_location={shared}', *cluster.flags()])
    assert ended.status == 1
    assert f'error: {shard}' in ended.err
    assert 'validation: 24 examples in 3 shards, each index once' in ended.out
    assert not list(shared.iterdir())


def test_cluster_bad_image_error_names_it(cut_image, tmp_path, run_there, cluster):
    tree = cut_image.parents[2]
    ended = run_there(build_command(tree, tmp_path / 'out'), *cluster.flags())
    assert ended.status == 1
    assert f'error: train: {cut_image}' in ended.err
    assert 'Traceback' not in ended.err
    assert not (tmp_path / 'out' / 'train.json').exists()
    assert (tmp_path / 'out' / 'validation.json').exists()


def test_cluster_ctrl_c_cancels_the_job(golden, tmp_path, cluster):
    output = tmp_path / 'out'
    before = {job['id'] for job in cluster.get('/jobs')['jobs']}
    build = subprocess.Popen(
        python_m(*build_command(golden, output), *cluster.flags()),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Shells ignore SIGINT for commands in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not (
        running := [
            job['id']
            for job in cluster.get('/jobs')['jobs']
            if job['id'] not in before and job['status'] == 'RUNNING'
        ]
    ):
        assert build.poll() is None, build.stderr.read()
        time.sleep(0.1)
    os.killpg(build.pid, signal.SIGINT)  # as a terminal does
    _, err = build.communicate(timeout=120)
    assert build.returncode == 130
    assert 'stopped; finished shards are kept. To resume: ' in err
    assert cluster.get(f'/jobs/{running[0]}')['state'] == 'CANCELED'
    left = pathlib.Path(output).rglob('*.tmp') if output.exists() else []
    assert not list(left)
