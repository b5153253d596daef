"""What Google has to grant before a job is submitted: credentials, buckets, service.

Each is tried, not looked up: who may do what is known to Google alone.
"""

import contextlib
import uuid
from collections.abc import Iterator

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from pipeline.errors import UserError
from transforms import files
from transforms.store_clients import gcs_client

# Seconds until a store or service that does not answer is given up.
_PATIENCE = 20.0

_LOG_IN = (
    'run `gcloud auth application-default login`, or name a file of credentials with '
    'GOOGLE_APPLICATION_CREDENTIALS'
)
_STORE_ROLES = (
    'give the account the roles storage.objectUser and storage.legacyBucketReader on '
    'the bucket, or name another'
)
_SERVICE_ROLES = (
    'enable its API (`gcloud services enable dataflow.googleapis.com`), and give the '
    'account the role dataflow.developer'
)


def reason_of(error: Exception) -> str:
    """What a client of Google's says, on one line."""
    text = getattr(error, 'message', None) or (error.args[0] if error.args else '')
    line = ' '.join(str(text).split()).rstrip('.')
    return files.show_text(line) or type(error).__name__


@contextlib.contextmanager
def _refused(what: str, remedy: str) -> Iterator[None]:
    """Has whatever a client raises come as one line."""
    from google.api_core.exceptions import RetryError
    from google.auth.exceptions import GoogleAuthError, TransportError
    from requests.exceptions import RequestException

    try:
        yield
    except UserError:
        raise
    except (RequestException, RetryError, TransportError) as error:
        raise UserError(
            f'{what}: no answer ({reason_of(error)}); check the network'
        ) from error
    except GoogleAuthError as error:
        raise UserError(
            f'Google does not take the credentials: {reason_of(error)}; {_LOG_IN}'
        ) from error
    except Exception as error:  # each client has more of its own
        raise UserError(f'{what}: {reason_of(error)}; {remedy}') from error


def check_credentials(options: PipelineOptions) -> None:
    """Looks for credentials, unless they are not wanted.

    Raises:
      UserError: there are none.
    """
    from google.auth import default
    from google.auth.exceptions import GoogleAuthError

    cloud = options.view_as(GoogleCloudOptions)
    if cloud.no_auth:
        return
    # Beam would try five times, and then go on without any.
    try:
        default(scopes=cloud.gcp_oauth_scopes)
    except GoogleAuthError as error:
        raise UserError(
            f'no credentials for Google Cloud: {reason_of(error)}; {_LOG_IN}'
        ) from error


def check_buckets(options: PipelineOptions, urls: dict[str, str]) -> None:
    """Looks for each bucket, and writes where the job is going to be staged.

    Args:
      options: the pipeline's.
      urls: what workers read and write, by what gives it.

    Raises:
      UserError: a bucket is not there, or may not be written.
    """
    from google.api_core.exceptions import Forbidden

    cloud = options.view_as(GoogleCloudOptions)
    client = gcs_client()
    for name in ('temp_location', 'staging_location'):
        flag, url = f'--{name}', getattr(cloud, name)
        if url:
            with _refused(f'{flag} {url} cannot be written', _STORE_ROLES):
                _try_to_write(_find_bucket(client, flag, url, cloud.region), url)
    for flag, url in urls.items():
        if url.startswith('gs://'):
            with (
                _refused(f'{flag} {url} cannot be reached', _STORE_ROLES),
                # Objects may be read where the bucket itself may not be looked at.
                contextlib.suppress(Forbidden),
            ):
                _find_bucket(client, flag, url, cloud.region)


def _waiting() -> dict[str, object]:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return {'timeout': _PATIENCE, 'retry': DEFAULT_RETRY.with_timeout(_PATIENCE)}


def _find_bucket(client, flag: str, url: str, region: str):
    name = url.removeprefix('gs://').partition('/')[0]
    bucket = client.lookup_bucket(name, **_waiting())
    if bucket is None:
        raise UserError(
            f'{flag} {url}: there is no bucket gs://{name}; make it with `gcloud '
            f'storage buckets create gs://{name} --location={region}`, or name another'
        )
    return bucket


def _try_to_write(bucket, url: str) -> None:
    path = files.join(url, f'.probe-{uuid.uuid4().hex}')
    probe = bucket.blob(path.removeprefix(f'gs://{bucket.name}/'))
    probe.upload_from_string(b'', **_waiting())
    probe.delete(**_waiting())


def job_url(options: PipelineOptions, job_id: str) -> str:
    """Where a person can look at a job."""
    cloud = options.view_as(GoogleCloudOptions)
    return (
        f'https://console.cloud.google.com/dataflow/jobs/{cloud.region}/{job_id}'
        f'?project={cloud.project}'
    )


def check_service(options: PipelineOptions) -> None:
    """Asks the service for a job of the same name, as it takes one at a time.

    Raises:
      UserError: there is one, or the service refuses, or does not answer.
    """
    from apache_beam.internal.gcp.auth import get_service_credentials
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import dataflow

    cloud = options.view_as(GoogleCloudOptions)
    credentials = None if cloud.no_auth else get_service_credentials(options)
    with _refused(
        f'Dataflow does not take jobs of project {cloud.project} in {cloud.region}',
        _SERVICE_ROLES,
    ):
        client = dataflow.JobsV1Beta3Client(
            credentials=credentials or AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=cloud.dataflow_endpoint),
            transport='rest',
        )
        request = dataflow.ListJobsRequest(
            project_id=cloud.project,
            location=cloud.region,
            name=cloud.job_name,
            filter=dataflow.ListJobsRequest.Filter.ACTIVE,
        )
        for job in client.list_jobs(request, timeout=_PATIENCE):
            if job.name == cloud.job_name:
                raise UserError(
                    f'a job named {job.name} is at work: {job_url(options, job.id)}; '
                    'wait for its end, or cancel it there'
                )
