"""A build on a stand-in for Dataflow: what is staged, and what comes of it.

``run_dataflow.sh`` submits to the stand-in, which runs only what was staged, in a clean
environment. Input and output are in an object store.
"""

import dataclasses
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from google.cloud import dataflow

from indexed_imagenet.cli.main import main
from support import dataflow_service
from support.commands import ROOT
from support.dataflow_cloud import NUM_SHARDS
from support.hostile import make_hostile_folder

VERIFY_FLAGS = (
    '--project',
    '--region',
    '--temp_location',
    '--dataflow_endpoint',
    '--imagenet_index_file',
)


@pytest.fixture(scope='module')
def checkout(tmp_path_factory) -> pathlib.Path:
    """A copy of the checkout with a ``.venv`` that has only this copy installed."""
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
    # pipeline/venv.sh writes this once it has installed the package.
    wanted = '{ echo "$PWD"; cat setup.py tests/constraints.txt; } | cksum'
    stamp = subprocess.check_output(['bash', '-c', wanted], cwd=folder)
    (folder / '.venv' / 'installed[gcp]').write_bytes(stamp)
    return folder


@dataclasses.dataclass(frozen=True, slots=True)
class Submitted:
    """The result of ``run_dataflow.sh``.

    Attributes:
      done: the command.
      job: as the service received it.
      staged: the content of each staged file, by name.
      pipeline: the staged graph.
    """

    done: subprocess.CompletedProcess
    job: dataflow.Job
    staged: dict[str, bytes]
    pipeline: beam_runner_api_pb2.Pipeline

    def options(self) -> dict:
        """Returns the pipeline options that the service received."""
        return self.job.environment.sdk_pipeline_options['options']


@pytest.fixture(scope='module')
def submitted(cloud, checkout, tmp_path_factory) -> Submitted:
    done = subprocess.run(
        [checkout / 'run_dataflow.sh', *cloud.flags('out'), '--no_auth'],
        cwd=make_hostile_folder(tmp_path_factory.mktemp('launch')),
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


def test_run_dataflow_waits_and_prints_the_summary(submitted, cloud):
    done = submitted.done
    assert done.returncode == 0, done.stderr
    assert 'train: complete, fingerprint sha256' in done.stdout
    job_id = cloud.job().id
    assert f'/dataflow/jobs/europe-west4/{job_id}?project=some-project' in done.stderr
    assert 'train 51 of 51 records, ' in done.stderr
    assert 'validation 24 of 24 records' in done.stderr
    assert 'Traceback' not in done.stderr and 'No module' not in done.stderr


def test_run_dataflow_same_bytes_as_local(submitted, cloud, golden, tmp_path):
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


def test_graph_steps_have_their_names(submitted):
    steps = {t.unique_name for t in submitted.pipeline.components.transforms.values()}
    for split in ('train', 'validation'):
        assert {
            f'Plan {split}/Read the index',
            f'Plan {split}/List images',
            f'Plan {split}/Join with the index',
            f'Plan {split}/Shuffle rows',
            f'Plan {split}/Find duplicates',
            f'Plan {split}/Group rows by shard',
            f'Plan {split}/Collect issues',
            f'Build {split}/Plan shards',
            f'Build {split}/Encode examples',
            f'Build {split}/Write TFRecords',
            f'Build {split}/Collect shard reports',
            f'Build {split}/Write the manifest',
        } <= steps
    assert {
        'Merge into one report',
        'Prepare the output directory',
        'Save the input report',
    } <= steps


def side_inputs(pipeline, step: str) -> list[str]:
    """Returns the steps that make the side inputs of one step and its parts."""
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


def test_graph_index_and_input_report_are_side_inputs(submitted):
    for split in ('train', 'validation'):
        [table] = side_inputs(submitted.pipeline, f'Plan {split}/Join with the index')
        assert table.startswith(f'Plan {split}/Read the index/')
        [output_ready] = side_inputs(submitted.pipeline, f'Build {split}/Plan shards')
        assert output_ready.startswith('Prepare the output directory/')


def test_graph_contains_no_image_and_no_table(submitted, golden):
    staged = submitted.staged['pipeline.pb']
    assert not [p.name for p in golden.rglob('*.JPEG') if p.name.encode() in staged]
    # The limit is 10 MB. Half of the graph is the names of 1,000 classes, twice.
    assert len(staged) < 300_000
    assert len(dataflow.Job.to_json(submitted.job)) < 30_000


def test_job_workers_have_the_defaults(submitted):
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


def test_staged_files_are_the_whole_package_and_the_graph(submitted):
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
    wanted = {name for name in files if not name.endswith(('.sh', 'README.md'))}
    assert wanted | {'setup.py'} <= names
    assert not [name for name in names if name.startswith('tests')]


def test_staged_graph_has_the_hash_in_the_options(submitted):
    digest = hashlib.sha256(submitted.staged['pipeline.pb']).hexdigest()
    assert submitted.options()['pipelineProtoHash'] == digest


def test_verify_on_dataflow_reports_both_splits(submitted, cloud, fast_polling, capfd):
    flags = [flag for flag in cloud.flags('') if flag.split('=')[0] in VERIFY_FLAGS]
    status = main(['verify', 'gs://bucket/out', '--runner=DataflowRunner', *flags])
    out, err = capfd.readouterr()
    assert status == 0, err
    assert (
        'train: 51 examples in 4 shards, each index once, names and labels match' in out
    )
    assert 'validation: 24 examples in 3 shards' in out
    assert not cloud.objects('tmp/verify-')
