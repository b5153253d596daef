"""Jobs on a stand-in for Dataflow that fail, are refused or are cancelled."""

import os
import signal
import subprocess
import threading
import time

import pytest
from google.cloud import dataflow

from indexed_imagenet.cli.main import main
from indexed_imagenet.runners.job_name import job_name
from support import dataflow_service
from support.commands import ROOT, python_m


@pytest.fixture
def submit(cloud, fast_polling, capfd, monkeypatch, tmp_path):
    """Submits from this process; the worker is a given script."""

    def run(worker: str, *more: str):
        script = tmp_path / 'worker.py'
        script.write_text(worker)
        monkeypatch.setattr(cloud.service, 'worker', script)
        flags = ['--runner=DataflowRunner', *cloud.flags('other'), *more]
        status = main(['build', *flags])
        return status, capfd.readouterr().err.splitlines()

    return run


def test_job_fails_error_is_one_line(submit, cloud):
    status, lines = submit('raise OSError("disk on fire")')
    assert status == 1
    [line] = [line for line in lines if line.startswith('error: ')]
    assert line.startswith('error: the job ended as FAILED: OSError: disk on fire; see ')
    assert cloud.job().id in line
    assert not cloud.objects('other/')


def test_job_given_flags_and_image_are_submitted_without_package(submit, cloud):
    status, _ = submit(
        'raise OSError("no such image")',
        '--sdk_container_image=gcr.io/p/ours:1',
        '--machine_type=n2-highmem-2',
        '--disk_size_gb=77',
        '--max_num_workers=3',
        '--number_of_worker_harness_threads=1',
        '--job_name=mine',
    )
    assert status == 1
    sent = cloud.job().sent
    assert sent.name == 'mine'
    [pool] = sent.environment.worker_pools
    assert (pool.machine_type, pool.disk_size_gb) == ('n2-highmem-2', 77)
    assert pool.autoscaling_settings.max_num_workers == 3
    assert pool.num_threads_per_worker == 1
    assert pool.worker_harness_container_image == 'gcr.io/p/ours:1'
    assert 'workflow.tar.gz' not in [package.name for package in pool.packages]


def test_job_refused_by_the_service_exits_with_2(submit, cloud, monkeypatch):
    refusal = {'POST': (403, 'no permission dataflow.jobs.create')}
    monkeypatch.setattr(cloud.service, 'refusals', refusal)
    status, lines = submit('')
    assert status == 2
    [line] = [line for line in lines if line.startswith('error: ')]
    assert line.startswith('error: could not submit the job: 403 ')
    assert 'no permission dataflow.jobs.create' in line
    assert not cloud.objects('other/')


def test_package_cannot_be_built_nothing_is_submitted(submit, cloud, tmp_path):
    known = len(cloud.service.jobs)
    (tmp_path / 'setup.py').write_text('import no_such_module')
    status, lines = submit('', f'--setup_file={tmp_path}/setup.py')
    assert status == 2
    [line] = [line for line in lines if line.startswith('error: ')]
    assert f'the package for the workers from {tmp_path}/setup.py; run `' in line
    assert len(cloud.service.jobs) == known


def wait_for_job(cloud, known: int) -> dataflow_service.Job:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if len(cloud.service.jobs) > known:
            return cloud.job()
        time.sleep(0.05)
    raise AssertionError('no job was created')


def test_job_cancelled_in_the_console_error_says_how_to_resume(submit, cloud):
    known = len(cloud.service.jobs)
    person = threading.Thread(target=lambda: wait_for_job(cloud, known).cancel())
    person.start()
    status, lines = submit('import time; time.sleep(600)')
    person.join()
    assert status == 1
    [line] = [line for line in lines if line.startswith('error: ')]
    assert line.startswith('error: the job was cancelled (https://')
    assert line.endswith('Finished shards are kept: run the same command again')


def test_second_job_into_the_same_directory_is_refused(submit, cloud, tmp_path):
    script = tmp_path / 'sleep.py'
    script.write_text('import time; time.sleep(600)')
    sent = dataflow.Job(name=job_name('gs://bucket/other'))
    first = dataflow_service.Job(sent, tmp_path, script)
    cloud.service.jobs[first.id] = first
    first.start()
    status, [line] = submit('')
    first.end()
    assert status == 2
    assert line.startswith(f'error: a job named {sent.name} is already running: https://')
    assert first.id in line
    assert not cloud.objects('other/')


def test_ctrl_c_cancels_the_job_and_waits_for_its_end(cloud, monkeypatch, tmp_path):
    script = tmp_path / 'worker.py'
    script.write_text('import time; time.sleep(600)')
    monkeypatch.setattr(cloud.service, 'worker', script)
    known = len(cloud.service.jobs)
    command = python_m('build', '--runner=DataflowRunner')
    launcher = subprocess.Popen(
        [*command, *cloud.flags('other')],
        cwd=ROOT,
        env={**os.environ, **cloud.env},
        stderr=subprocess.PIPE,
        text=True,
        # Shells ignore SIGINT for commands in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        job = wait_for_job(cloud, known)
        # The client learns of the job just after the service has created it.
        for line in launcher.stderr:
            if line.startswith('Dataflow accepted the job'):
                break
        launcher.send_signal(signal.SIGINT)
        err = launcher.communicate(timeout=60)[1]
    finally:
        launcher.kill()
    assert launcher.returncode == 130
    assert 'cancelling the job' in err
    assert 'stopped; finished shards are kept. To resume: ' in err
    assert job.state == dataflow.JobState.JOB_STATE_CANCELLED
    assert not cloud.objects('other/')
