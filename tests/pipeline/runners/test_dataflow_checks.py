"""The defaults and checks of a job before it is submitted to Dataflow."""

import os
import re

import pytest
from apache_beam.internal.gcp import auth
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    SetupOptions,
    WorkerOptions,
)

from indexed_imagenet.cli import verify
from indexed_imagenet.errors import UserError
from indexed_imagenet.options import parse_options
from indexed_imagenet.preflight import access
from indexed_imagenet.runners.dataflow import defaults
from indexed_imagenet.runners.dataflow.defaults import DEFAULTS, set_defaults
from indexed_imagenet.runners.dataflow.options import prepare_dataflow
from indexed_imagenet.transforms.storage import base, gcs_access
from support import dataflow_service
from support.commands import refusal

CLOUD = ['--project=some-project', '--region=europe-west4']
TEMP = '--temp_location=gs://bucket/tmp'
RUNNER = '--runner=DataflowRunner'


@pytest.mark.parametrize('runner', ['FlinkRunner', 'DirectRunner', 'PrismRunner'])
def test_prepare_dataflow_other_runner_changes_nothing(runner):
    options = parse_options([f'--runner={runner}'])
    before = options.get_all_options()
    prepare_dataflow(options, {'--output_directory': '/out'}, '/out')
    assert options.get_all_options() == before


@pytest.mark.parametrize(
    'runner',
    [
        'DataflowRunner',
        'dataflow',
        'apache_beam.runners.dataflow.dataflow_runner.DataflowRunner',
    ],
)
def test_prepare_dataflow_each_name_that_beam_takes_is_known(runner):
    assert '--project, --region, --temp_location are missing' in refusal(
        f'--runner={runner}'
    )


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (
            [TEMP, '--project=p-1'],
            '--region is missing; --runner=DataflowRunner needs --project, --region and',
        ),
        ([*CLOUD], '--temp_location is missing'),
        (
            [*CLOUD, '--temp_location=/tmp/x'],
            "--temp_location is '/tmp/x' (expected gs://BUCKET/FOLDER",
        ),
        ([*CLOUD, '--temp_location=gs://bucket'], '(expected gs://BUCKET/FOLDER'),
        ([*CLOUD, TEMP, '--staging_location=s3://b/x'], "--staging_location is 's3://b"),
        (
            [*CLOUD, TEMP, '--train_directory=/data/train'],
            '--train_directory /data/train is on this machine, where Dataflow workers',
        ),
        ([*CLOUD, TEMP, '--imagenet_index_file=i.npz'], '--imagenet_index_file i.npz is'),
        ([*CLOUD, TEMP, '--output_directory=out'], '--output_directory out is on this'),
        ([*CLOUD, TEMP, '--template_location=gs://b/t'], 'drop them'),
    ],
)
def test_prepare_dataflow_flags_that_cannot_work_are_refused(argv, message):
    assert message in refusal(RUNNER, *argv)


def test_prepare_dataflow_no_client_library_gives_the_remedy(monkeypatch):
    monkeypatch.setattr(base.importlib.util, 'find_spec', lambda name: None)
    assert "pip install 'apache-beam[gcp]'" in refusal(RUNNER, *CLOUD, TEMP)


def test_set_defaults_package_without_setup_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(
        defaults,
        '__file__',
        str(tmp_path / 'pipeline' / 'runners' / 'dataflow' / 'defaults.py'),
    )
    assert 'give --setup_file=CHECKOUT/setup.py' in refusal(RUNNER, *CLOUD, TEMP)


def test_set_defaults_no_flags_sets_each_default():
    options = parse_options([RUNNER])
    set_defaults(options, '')
    for view, flag, value in DEFAULTS:
        assert getattr(options.view_as(view), flag) == value
    assert options.view_as(SetupOptions).save_main_session is False
    setup = options.view_as(SetupOptions).setup_file
    assert os.path.isfile(setup) and os.path.basename(setup) == 'setup.py'


@pytest.mark.parametrize(
    ('view', 'flag', 'argument', 'value'),
    [
        (WorkerOptions, 'machine_type', '--worker_machine_type=n2-highmem-2', None),
        (WorkerOptions, 'disk_size_gb', '--disk_size_gb=0', 0),
        (WorkerOptions, 'max_num_workers', '--max_num_workers=3', 3),
        (None, 'number_of_worker_harness_threads', None, 1),
        (SetupOptions, 'save_main_session', '--save_main_session', True),
        (GoogleCloudOptions, 'job_name', '--job_name=mine', 'mine'),
    ],
)
def test_set_defaults_given_flag_wins(view, flag, argument, value):
    argument = argument or f'--{flag}={value}'
    value = argument.partition('=')[2] if value is None else value
    view = view or next(view for view, name, _ in DEFAULTS if name == flag)
    options = parse_options([RUNNER, argument])
    set_defaults(options, '')
    assert getattr(options.view_as(view), flag) == value


def name_of_job(writes: str) -> str:
    options = parse_options([RUNNER])
    set_defaults(options, writes)
    return options.view_as(GoogleCloudOptions).job_name


def test_job_name_same_directory_same_name():
    name = name_of_job('gs://bucket/out')
    assert re.fullmatch('indexed-imagenet-[0-9a-f]{12}', name)
    assert name == name_of_job('gs://bucket/out/')
    assert name != name_of_job('gs://bucket/out2')
    assert name_of_job('') != name_of_job('')


def test_set_defaults_num_workers_raises_the_maximum():
    options = parse_options([RUNNER, '--num_workers=40'])
    set_defaults(options, '')
    assert options.view_as(WorkerOptions).max_num_workers == 40


def test_set_defaults_setup_file_becomes_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    options = parse_options([RUNNER, '--setup_file=setup.py'])
    set_defaults(options, '')
    assert options.view_as(SetupOptions).setup_file == str(tmp_path / 'setup.py')


@pytest.mark.parametrize(
    'argument', ['--sdk_container_image=gcr.io/p/image', '--extra_package=/p.tar.gz']
)
def test_set_defaults_package_given_adds_no_setup_file(argument):
    options = parse_options([RUNNER, argument])
    set_defaults(options, '')
    assert options.view_as(SetupOptions).setup_file is None


def test_verify_local_directory_is_refused():
    with pytest.raises(
        UserError, match='DIR /out is on this machine, where Dataflow workers'
    ):
        verify.run(['/out', RUNNER, *CLOUD, TEMP])


@pytest.fixture
def service(tmp_path, monkeypatch):
    """A service that is also the object store, and has no bucket."""
    monkeypatch.setattr(auth._Credentials, '_credentials_init', True)
    monkeypatch.setattr(auth._Credentials, '_credentials', None)
    with dataflow_service.dataflow_service(tmp_path) as service:
        monkeypatch.setenv('STORAGE_EMULATOR_HOST', service.url)
        yield service


def submit(service, *more) -> str:
    endpoint = f'--dataflow_endpoint={service.url}'
    return refusal(RUNNER, *CLOUD, TEMP, endpoint, *more)


def test_access_no_credentials_is_refused(service, monkeypatch):
    monkeypatch.setenv('GOOGLE_APPLICATION_CREDENTIALS', '/no/such/file.json')
    message = submit(service)
    assert message.startswith('no credentials for Google Cloud: ')
    assert 'gcloud auth application-default login' in message


def test_access_missing_bucket_is_refused(service):
    assert submit(service, '--no_auth') == (
        '--temp_location gs://bucket/tmp: there is no bucket gs://bucket; make it with '
        '`gcloud storage buckets create gs://bucket --location=europe-west4`, or name '
        'another'
    )


def test_access_forbidden_bucket_is_refused(service):
    # A bucket may be usable even if the account may not look it up.
    service.refusals['GET'] = (403, 'builder does not have storage.buckets.get access')
    service.refusals['POST'] = (403, 'builder may not have storage.objects.create')
    message = submit(service, '--no_auth')
    assert message.startswith('--temp_location gs://bucket/tmp cannot be written: ')
    assert 'builder may not have storage.objects.create' in message
    assert 'give the account the roles' in message


def test_access_rejected_token_is_refused(service, monkeypatch, tmp_path):
    file = dataflow_service.write_credentials(tmp_path, f'{service.url}/nothing')
    monkeypatch.setenv('GOOGLE_APPLICATION_CREDENTIALS', str(file))
    monkeypatch.setattr(auth._Credentials, '_credentials_init', False)
    message = submit(service)
    assert message.startswith('Google rejected the credentials: ')
    assert 'gcloud auth application-default login' in message


def test_access_store_does_not_answer_is_refused(service, monkeypatch):
    monkeypatch.setattr(gcs_access, '_TIMEOUT', 0.1)
    monkeypatch.setenv('STORAGE_EMULATOR_HOST', 'http://localhost:9')
    message = submit(service, '--no_auth')
    assert message.startswith('--temp_location gs://bucket/tmp cannot be reached: no an')
    assert 'check the network' in message


def test_access_service_not_enabled_is_refused(service, monkeypatch):
    monkeypatch.setattr(access, 'check_stores', lambda *args: None)
    monkeypatch.setattr(access, 'check_staging', lambda *args: None)
    service.refusals['GET'] = (403, 'Dataflow API has not been used in project p')
    message = submit(service, '--no_auth')
    assert message.startswith('Dataflow refused project some-project in europe-west4')
    assert 'Dataflow API has not been used in project p' in message
    assert 'gcloud services enable dataflow.googleapis.com' in message
