"""What object stores have to grant before a job is started: credentials, buckets.

Each is tried, not looked up: who may do what is known to the store alone.
"""

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import printable
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.storage.store_clients import (
    gcs_client,
    http_status,
    s3_client,
)
from indexed_imagenet.transforms.storage.stores import split_url

# Of each store, a module that its client library has, and the extra that brings it.
_CLIENTS = {'gs': ('google.cloud.storage', 'gcp'), 's3': ('boto3', 'aws')}

# Seconds until Google's store or service that does not answer is given up.
_PATIENCE = 20.0

_LOG_IN = (
    'run `gcloud auth application-default login`, or name a file of credentials with '
    'GOOGLE_APPLICATION_CREDENTIALS'
)
STORE_ROLES = (
    'give the account the roles storage.objectUser and storage.legacyBucketReader on '
    'the bucket, or name another'
)


def is_installed(module: str) -> bool:
    """Whether a module is there, without importing more than the packages above it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def error_text(error: Exception) -> str:
    """What a store's client says, on one line."""
    text = getattr(error, 'message', None) or (error.args[0] if error.args else '')
    line = ' '.join(str(text).split()).rstrip('.')
    return printable(line) or type(error).__name__


@contextlib.contextmanager
def refused_by_google(what: str, remedy: str) -> Iterator[None]:
    """Has whatever a client of Google's raises come as one line."""
    from google.api_core.exceptions import RetryError
    from google.auth.exceptions import GoogleAuthError, TransportError
    from requests.exceptions import RequestException

    try:
        yield
    except UserError:
        raise
    except (RequestException, RetryError, TransportError) as error:
        raise UserError(
            f'{what}: no answer ({error_text(error)}); check the network'
        ) from error
    except GoogleAuthError as error:
        raise UserError(
            f'Google does not take the credentials: {error_text(error)}; {_LOG_IN}'
        ) from error
    except Exception as error:  # each client has more of its own
        raise UserError(f'{what}: {error_text(error)}; {remedy}') from error


def waiting() -> dict[str, object]:
    """Has a call of Google's storage client wait, and try again, for so long."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return {'timeout': _PATIENCE, 'retry': DEFAULT_RETRY.with_timeout(_PATIENCE)}


def _check_google_credentials(options: PipelineOptions) -> None:
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
            f'no credentials for Google Cloud: {error_text(error)}; {_LOG_IN}, or give '
            '--no_auth for what is open to all'
        ) from error


def _check_gcs(options: PipelineOptions, flag: str, url: str, bucket: str) -> None:
    from google.api_core.exceptions import Forbidden, Unauthorized

    with (
        refused_by_google(f'{flag} {url} cannot be reached', STORE_ROLES),
        # Objects may be used where the bucket itself may not be looked at.
        contextlib.suppress(Forbidden, Unauthorized),
    ):
        if gcs_client().lookup_bucket(bucket, **waiting()) is None:
            region = options.view_as(GoogleCloudOptions).region
            location = f' --location={region}' if region else ''
            raise UserError(
                f'{flag} {url}: there is no bucket gs://{bucket}; make it with `gcloud '
                f'storage buckets create gs://{bucket}{location}`, or name another'
            )


def _check_s3(flag: str, url: str, bucket: str) -> None:
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
    )

    try:
        s3_client().head_bucket(Bucket=bucket)
    except ClientError as error:
        # Objects may be used where the bucket itself may not be looked at.
        if http_status(error) == 404:
            raise UserError(
                f'{flag} {url}: there is no bucket s3://{bucket}; make it with `aws s3 '
                f'mb s3://{bucket}`, or name another'
            ) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise UserError(
            f'no credentials for S3: {error_text(error)}; run `aws configure`, or set '
            'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
        ) from error
    except BotoCoreError as error:
        raise UserError(
            f'{flag} {url} cannot be reached: {error_text(error)}; check the name, the '
            'network and --s3_endpoint_url'
        ) from error


def _check_client(flag: str, url: str, scheme: str) -> None:
    module, extra = _CLIENTS.get(scheme, ('', ''))
    if module and not is_installed(module):
        raise UserError(
            f'{flag} {url} needs client libraries that are not installed; use '
            f"./run_local.sh, or pip install 'apache-beam[{extra}]'"
        )
    try:
        FileSystems.get_filesystem(url)
    except Exception as error:  # Beam's, or of a client that it makes
        # It takes any that is not there for Google's.
        why = '' if isinstance(error, ValueError) else f' ({error_text(error)})'
        raise UserError(
            f'{flag} {url}: nothing here reads {scheme}://{why}; give a path of this '
            'machine, or one of gs:// or s3://'
        ) from error


def check_stores(options: PipelineOptions, paths: Mapping[str, str | None]) -> None:
    """Finds what object stores refuse, of those that paths are in.

    Args:
      options: the pipeline's, which Beam's file systems have as well.
      paths: what is read and written, by what gives it.

    Raises:
      UserError: a client library, credentials or a bucket are not there, or a store
        does not answer.
    """
    asked = set()
    for flag, url in paths.items():
        if not url or files.is_local(url):
            continue
        scheme = FileSystems.get_scheme(url)
        bucket, _ = split_url(url)
        _check_client(flag, url, scheme)
        if scheme not in _CLIENTS or (scheme, bucket) in asked:
            continue
        if not bucket:
            raise UserError(f'{flag} {url} has no bucket, expected {scheme}://BUCKET/…')
        asked.add((scheme, bucket))
        if scheme == 'gs':
            _check_google_credentials(options)
            _check_gcs(options, flag, url, bucket)
        else:
            _check_s3(flag, url, bucket)
