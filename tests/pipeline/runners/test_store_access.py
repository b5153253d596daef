"""The checks of object stores before a job is started."""

import importlib.util

import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from indexed_imagenet.cli import verify
from indexed_imagenet.errors import UserError
from indexed_imagenet.output.open_output import open_output
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.transforms.storage.base import is_installed
from support import dataflow_service, servers
from support.commands import refusal

S3 = '--train_directory=s3://bucket/train'
GCS = '--train_directory=gs://bucket/train'


@pytest.fixture
def s3(monkeypatch):
    """An S3 server with a bucket, and the environment of its clients."""
    with servers.s3_server('bucket') as url:
        for name, value in {'AWS_ENDPOINT_URL': url, **servers.S3_ENVIRONMENT}.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.parametrize(('url', 'extra'), [('gs://b/x', 'gcp'), ('s3://b/x', 'aws')])
def test_client_library_missing_gives_the_remedy(monkeypatch, url, extra):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    assert refusal(f'--output_directory={url}') == (
        f'--output_directory {url} needs client libraries that are not installed; use '
        f"./run_local.sh, or pip install 'apache-beam[{extra}]'"
    )


def test_is_installed_namespace_package_without_the_module_is_false():
    assert is_installed('google.cloud.storage')
    assert not is_installed('google.cloud.no_such_thing.at_all')
    assert not is_installed('no_such_thing.at_all')


def test_unknown_scheme_is_refused():
    assert refusal('--imagenet_index_file=foo://index.npz') == (
        '--imagenet_index_file foo://index.npz: foo:// is not supported; give a local '
        'path, or a gs:// or s3:// URL'
    )
    message = refusal('--imagenet_index_file=hdfs://index.npz')  # Beam has its extra
    assert 'hdfs:// is not supported' in message
    assert 'the hadoop beam extra' in message


@pytest.mark.parametrize('scheme', ['gs', 's3'])
def test_url_without_bucket_is_refused(scheme):
    assert refusal(f'--output_directory={scheme}:///out') == (
        f'--output_directory {scheme}:///out has no bucket (expected {scheme}://BUCKET/…)'
    )


def test_s3_no_credentials_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv('AWS_CONFIG_FILE', str(tmp_path / 'none'))
    monkeypatch.setenv('AWS_SHARED_CREDENTIALS_FILE', str(tmp_path / 'none'))
    monkeypatch.setenv('AWS_EC2_METADATA_DISABLED', 'true')
    for name in servers.S3_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    message = refusal(S3)
    assert message.startswith('no credentials for S3: ')
    assert message.endswith('set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')


def test_s3_does_not_answer_is_refused(s3):
    message = refusal(S3, '--s3_endpoint_url=http://localhost:9')
    assert message.startswith('--train_directory s3://bucket/train cannot be reached: ')
    assert message.endswith('check the name, the network and --s3_endpoint_url')


def test_gcs_no_credentials_is_refused(monkeypatch):
    monkeypatch.setenv('GOOGLE_APPLICATION_CREDENTIALS', '/no/such/file.json')
    message = refusal(GCS)
    assert message.startswith('no credentials for Google Cloud: ')
    assert message.endswith('or give --no_auth for public buckets')


def test_gcs_bucket_not_writable_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(FileSystems, '_pipeline_options', None)
    FileSystems.set_options(PipelineOptions(['--no_auth']))
    with dataflow_service.dataflow_service(tmp_path) as service:
        monkeypatch.setenv('STORAGE_EMULATOR_HOST', service.url)
        service.refusals['POST'] = (403, 'no')
        with (
            pytest.raises(UserError) as raised,
            open_output('gs://bucket/out', Interrupt()),
        ):
            pass
    message = str(raised.value)
    assert message.startswith('--output_directory gs://bucket/out cannot be written: ')
    assert '403' in message
    assert message.endswith('give the account write access, or name another')


def test_verify_missing_bucket_is_refused(s3):
    with pytest.raises(UserError, match='DIR s3://other/out: there is no bucket'):
        verify.run(['s3://other/out'])
