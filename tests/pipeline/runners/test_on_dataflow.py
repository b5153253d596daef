"""A build on Dataflow, as far as it can go without the service.

``run_dataflow.sh`` submits to a stand-in, which runs what was staged, and that
alone, in a clean environment. Inputs and output are in an object store.
"""

import hashlib
import io
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from typing import NamedTuple

import pytest
from apache_beam.internal.gcp import auth
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.dataflow import dataflow_runner
from google.cloud import dataflow, storage

from indexed_imagenet.cli.main import main
from indexed_imagenet.output import lock
from indexed_imagenet.runners.job_name import job_name
from support import dataflow_service, servers
from support.commands import ROOT, python_m

VERIFY_FLAGS = (
    '--project',
    '--region',
    '--temp_location',
    '--dataflow_endpoint',
    '--imagenet_index_file',
)
NUM_SHARDS = ['--train_shards=4', '--validation_shards=3']


class Cloud(NamedTuple):
    """The service, the store, and how to reach both from another process."""

    service: dataflow_service.DataflowService
    bucket: storage.Bucket
    env: dict[str, str]

    def objects(self, prefix: str) -> dict[str, bytes]:
        """The content of each object below a prefix, by the rest of its name."""
        return {
            blob.name.removeprefix(prefix): blob.download_as_bytes()
            for blob in self.bucket.list_blobs(prefix=prefix)
        }

    def flags(self, output: str) -> list[str]:
        return [
            '--project=some-project',
            '--region=europe-west4',
            '--temp_location=gs://bucket/tmp',
            f'--dataflow_endpoint={self.service.url}',
            '--train_directory=gs://bucket/in/train',
            '--validation_directory=gs://bucket/in/validation',
            '--imagenet_index_file=gs://bucket/in/imagenet_index.npz',
            f'--output_directory=gs://bucket/{output}',
            *NUM_SHARDS,
        ]

    def job(self) -> dataflow_service.Job:
        """The job that was created last."""
        return list(self.service.jobs.values())[-1]


@pytest.fixture(scope='module')
def cloud(golden, tmp_path_factory):
    folder = tmp_path_factory.mktemp('cloud')
    with (
        servers.gcs_emulator('bucket') as store_url,
        dataflow_service.dataflow_service(folder) as service,
        pytest.MonkeyPatch.context() as patch,
    ):
        credentials = dataflow_service.write_credentials(folder, f'{service.url}/token')
        env = {
            'STORAGE_EMULATOR_HOST': store_url,
            'GOOGLE_APPLICATION_CREDENTIALS': str(credentials),
        }
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr(auth._Credentials, '_credentials_init', False)
        bucket = storage.Client.create_anonymous_client().bucket('bucket')
        for path in filter(pathlib.Path.is_file, golden.rglob('*')):
            name = f'in/{path.relative_to(golden)}'
            bucket.blob(name).upload_from_filename(path)
        yield Cloud(service, bucket, env)


@pytest.fixture(scope='module')
def checkout(tmp_path_factory) -> pathlib.Path:
    """A copy of the checkout with a ready ``.venv``, in which only it is installed."""
    folder = tmp_path_factory.mktemp('checkout')
    for name in ('pipeline', 'transforms', 'tests'):
        leave_out = shutil.ignore_patterns('__pycache__', 'bench', 'golden')
        shutil.copytree(ROOT / name, folder / name, ignore=leave_out)
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'run_dataflow.sh'):
        shutil.copy(ROOT / name, folder)
    python = dataflow_service.make_environment(folder / '.venv')
    pip = [sys.executable, '-m', 'pip', '--python', python, 'install', '--quiet']
    offline = ['--no-index', '--no-deps', '--no-build-isolation']
    subprocess.run([*pip, *offline, '--editable', folder], check=True)
    # What pipeline/venv.sh leaves behind once it has installed.
    wanted = '{ echo "$PWD"; cat setup.py tests/constraints.txt; } | cksum'
    stamp = subprocess.check_output(['bash', '-c', wanted], cwd=folder)
    (folder / '.venv' / 'installed[gcp]').write_bytes(stamp)
    return folder


class Submitted(NamedTuple):
    """What became of ``run_dataflow.sh``."""

    done: subprocess.CompletedProcess
    job: dataflow.Job
    staged: dict[str, bytes]
    pipeline: beam_runner_api_pb2.Pipeline

    def options(self) -> dict:
        return self.job.environment.sdk_pipeline_options['options']


@pytest.fixture(scope='module')
def submitted(cloud, checkout) -> Submitted:
    done = subprocess.run(
        [checkout / 'run_dataflow.sh', *cloud.flags('out'), '--no_auth'],
        cwd='/',
        env={**os.environ, **cloud.env, 'PYTHONPATH': ''},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    job = cloud.job().sent
    prefix = job.environment.sdk_pipeline_options['options']['staging_location']
    staged = cloud.objects(prefix.removeprefix('gs://bucket/') + '/')
    pipeline = beam_runner_api_pb2.Pipeline.FromString(staged['pipeline.pb'])
    return Submitted(done, job, staged, pipeline)


def test_it_waits_and_tells_how_the_build_ended(submitted, cloud):
    done = submitted.done
    assert done.returncode == 0, done.stderr
    assert 'train: complete, fingerprint sha256' in done.stdout
    job_id = cloud.job().id
    assert f'/dataflow/jobs/europe-west4/{job_id}?project=some-project' in done.stderr
    assert 'train 51 of 51 records, validation 24 of 24 records' in done.stderr
    assert 'Traceback' not in done.stderr and 'No module' not in done.stderr


def test_what_was_staged_gives_the_bytes_of_a_local_build(
    submitted, cloud, golden, tmp_path
):
    status = main(
        [
            'build',
            f'--train_directory={golden}/train',
            f'--validation_directory={golden}/validation',
            f'--imagenet_index_file={golden}/imagenet_index.npz',
            f'--output_directory={tmp_path}',
            '--direct_num_workers=1',
            *NUM_SHARDS,
        ]
    )
    assert status == 0
    local = {
        str(path.relative_to(tmp_path)): path.read_bytes()
        for path in tmp_path.rglob('*')
        if path.is_file()
    }
    assert cloud.objects('out/') == local


def test_its_steps_have_the_names_of_the_graph(submitted):
    steps = {t.unique_name for t in submitted.pipeline.components.transforms.values()}
    for split in ('train', 'validation'):
        assert {
            f'Plan {split}/Read the index',
            f'Plan {split}/List images',
            f'Plan {split}/Join with the index',
            f'Plan {split}/Place in shards',
            f'Plan {split}/Check rows',
            f'Plan {split}/Group rows by shard',
            f'Plan {split}/Gather findings',
            f'Build {split}/Keep finished shards',
            f'Build {split}/Encode examples',
            f'Build {split}/Write TFRecords',
            f'Build {split}/Join reports',
            f'Build {split}/Write the manifest',
        } <= steps
    assert {'Reach one input_report', 'Make way', 'Note the input_report'} <= steps


def side_inputs(pipeline, step: str) -> list[str]:
    """The steps that make the side inputs of all that is in one step."""
    transforms = pipeline.components.transforms.values()
    makers = {
        output: t.unique_name
        for t in transforms
        if not t.subtransforms
        for output in t.outputs.values()
    }
    found = []
    for transform in transforms:
        if transform.unique_name.startswith(f'{step}/'):
            if transform.spec.urn != common_urns.primitives.PAR_DO.urn:
                continue
            payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
            found += [makers[transform.inputs[name]] for name in payload.side_inputs]
    return found


def test_the_index_and_the_verdict_are_side_inputs(submitted):
    for split in ('train', 'validation'):
        [table] = side_inputs(submitted.pipeline, f'Plan {split}/Join with the index')
        assert table.startswith(f'Plan {split}/Read the index/')
        [input_report] = side_inputs(
            submitted.pipeline, f'Build {split}/Keep finished shards'
        )
        assert input_report.startswith('Make way/')


def test_the_graph_holds_no_image_and_no_table(submitted, golden):
    staged = submitted.staged['pipeline.pb']
    assert not [p.name for p in golden.rglob('*.JPEG') if p.name.encode() in staged]
    # The limit is 10 MB; of what is there, half are the names of 1,000 classes, twice.
    assert len(staged) < 300_000
    assert len(dataflow.Job.to_json(submitted.job)) < 30_000


def test_workers_are_as_the_defaults_say(submitted):
    [pool] = submitted.job.environment.worker_pools
    assert pool.machine_type == 'e2-standard-4'
    assert pool.disk_size_gb == 50
    assert pool.num_threads_per_worker == 4
    assert pool.autoscaling_settings.max_num_workers == 8
    [image] = pool.sdk_harness_container_images
    assert '/beam_python3.' in image.container_image
    assert image.use_single_core_per_container
    assert 'use_runner_v2' in submitted.job.environment.experiments
    assert submitted.options()['save_main_session'] is False
    assert submitted.job.name.startswith('indexed-imagenet-')


def test_the_package_is_staged_whole_and_nothing_beside_it(submitted):
    assert set(submitted.staged) == {
        'pipeline.pb',
        'submission_environment_dependencies.txt',
        'workflow.tar.gz',
    }
    package = io.BytesIO(submitted.staged['workflow.tar.gz'])
    with tarfile.open(fileobj=package) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    tracked = ['git', 'ls-files', 'pipeline', 'transforms']
    files = subprocess.check_output(tracked, cwd=ROOT, text=True).split()
    wanted = {name for name in files if not name.endswith('.sh')}
    assert wanted | {'setup.py'} <= names
    assert not [name for name in names if name.startswith('tests')]


def test_staged_hashes_are_those_of_what_was_staged(submitted):
    digest = hashlib.sha256(submitted.staged['pipeline.pb']).hexdigest()
    assert submitted.options()['pipelineProtoHash'] == digest


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lock, '_SETTLE', 0.01)

    class Quick:
        """Beam's client looks every five seconds."""

        def __getattr__(self, name):
            return getattr(time, name)

        def sleep(self, seconds):
            time.sleep(min(seconds, 0.1))

    monkeypatch.setattr(dataflow_runner, 'time', Quick())


def test_verify_runs_there_too(submitted, cloud, quick, capfd):
    flags = [flag for flag in cloud.flags('') if flag.split('=')[0] in VERIFY_FLAGS]
    status = main(['verify', 'gs://bucket/out', '--runner=DataflowRunner', *flags])
    out, err = capfd.readouterr()
    assert status == 0, err
    assert 'train: 51 examples in 4 shards, each index once, names and labels as' in out
    assert 'validation: 24 examples in 3 shards' in out
    assert not cloud.objects('tmp/verify-')


@pytest.fixture
def submit(cloud, quick, capfd, monkeypatch, tmp_path):
    """Submits from this process, with a worker of a few lines of Python."""

    def run(worker: str, *more: str):
        script = tmp_path / 'worker.py'
        script.write_text(worker)
        monkeypatch.setattr(cloud.service, 'worker', script)
        flags = ['--runner=DataflowRunner', *cloud.flags('other'), *more]
        status = main(['build', *flags])
        return status, capfd.readouterr().err.splitlines()

    return run


def test_a_job_that_fails_is_told_in_one_line(submit, cloud):
    status, lines = submit('raise OSError("disk on fire")')
    assert status == 1
    [line] = [line for line in lines if line.startswith('error: ')]
    assert line.startswith('error: the job ended as FAILED: OSError: disk on fire; its ')
    assert cloud.job().id in line
    assert not cloud.objects('other/')


def test_flags_reach_the_job_and_an_image_needs_no_package(submit, cloud):
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


def test_a_job_that_is_refused_was_never_started(submit, cloud, monkeypatch):
    refusal = {'POST': (403, 'no permission dataflow.jobs.create')}
    monkeypatch.setattr(cloud.service, 'refusals', refusal)
    status, lines = submit('')
    assert status == 2
    [line] = [line for line in lines if line.startswith('error: ')]
    assert line.startswith('error: the job cannot be submitted: 403 ')
    assert 'no permission dataflow.jobs.create' in line
    assert not cloud.objects('other/')


def test_a_package_that_cannot_be_made(submit, cloud, tmp_path):
    known = len(cloud.service.jobs)
    (tmp_path / 'setup.py').write_text('import no_such_module')
    status, lines = submit('', f'--setup_file={tmp_path}/setup.py')
    assert status == 2
    [line] = [line for line in lines if line.startswith('error: ')]
    assert f'cannot be made from {tmp_path}/setup.py; `' in line
    assert len(cloud.service.jobs) == known


def wait_for_job(cloud, known: int) -> dataflow_service.Job:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if len(cloud.service.jobs) > known:
            return cloud.job()
        time.sleep(0.05)
    raise AssertionError('no job came')


def test_a_job_that_is_cancelled_elsewhere(submit, cloud):
    known = len(cloud.service.jobs)
    person = threading.Thread(target=lambda: wait_for_job(cloud, known).cancel())
    person.start()
    status, lines = submit('import time; time.sleep(600)')
    person.join()
    assert status == 1
    [line] = [line for line in lines if line.startswith('error: ')]
    assert line.startswith('error: the job was cancelled (https://')
    assert 'give the same command again' in line


def test_a_second_job_into_the_directory_is_refused(submit, cloud, tmp_path):
    script = tmp_path / 'sleep.py'
    script.write_text('import time; time.sleep(600)')
    sent = dataflow.Job(name=job_name('gs://bucket/other'))
    first = dataflow_service.Job(sent, tmp_path, script)
    cloud.service.jobs[first.id] = first
    first.start()
    status, [line] = submit('')
    first.end()
    assert status == 2
    assert line.startswith(f'error: a job named {sent.name} is at work: https://')
    assert first.id in line
    assert not cloud.objects('other/')


def test_ctrl_c_cancels_the_job_and_sees_it_end(cloud, monkeypatch, tmp_path):
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
        # In the background, shells have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        job = wait_for_job(cloud, known)
        # The client learns of the job just after it was made.
        for line in launcher.stderr:
            if line.startswith('Dataflow has the job'):
                break
        launcher.send_signal(signal.SIGINT)
        err = launcher.communicate(timeout=60)[1]
    finally:
        launcher.kill()
    assert launcher.returncode == 130
    assert 'cancelling the job' in err
    assert 'stopped; what is finished is kept; to go on: ' in err
    assert job.state == dataflow.JobState.JOB_STATE_CANCELLED
    assert not cloud.objects('other/')
