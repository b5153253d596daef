"""What Google has to grant before a job starts: credentials, buckets.

Each is tried, not looked up: only Google knows who may do what.
"""

import contextlib
from collections.abc import Iterator

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import one_line
from indexed_imagenet.transforms.storage.base import split_url
from indexed_imagenet.transforms.storage.gcs import gcs_client

# Seconds until a store or service that does not answer is given up.
_TIMEOUT = 20.0

_LOG_IN = (
    'run `gcloud auth application-default login`, or name a file of credentials with '
    'GOOGLE_APPLICATION_CREDENTIALS'
)
STORE_ROLES = (
    'give the account the roles storage.objectUser and storage.legacyBucketReader on '
    'the bucket, or name another'
)


def client_error_text(error: Exception) -> str:
    """Returns what a store's client says, on one line."""
    text = getattr(error, 'message', None) or (error.args[0] if error.args else '')
    return one_line(text).rstrip('.') or type(error).__name__


@contextlib.contextmanager
def google_errors(what: str, remedy: str) -> Iterator[None]:
    """Raises whatever a client of Google's raises as one line for the user.

    Args:
      what: what could not be done.
      remedy: what to do if Google refuses it.
    """
    from google.api_core.exceptions import RetryError
    from google.auth.exceptions import GoogleAuthError, TransportError
    from requests.exceptions import RequestException

    try:
        yield
    except UserError:
        raise
    except (RequestException, RetryError, TransportError) as error:
        raise UserError(
            f'{what}: no answer ({client_error_text(error)}); check the network'
        ) from error
    except GoogleAuthError as error:
        raise UserError(
            f'Google rejected the credentials: {client_error_text(error)}; {_LOG_IN}'
        ) from error
    except Exception as error:  # each client has more of its own
        raise UserError(f'{what}: {client_error_text(error)}; {remedy}') from error


def timeout_flags() -> dict[str, object]:
    """Returns arguments that bound a call of Google's client, its retries included."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return {'timeout': _TIMEOUT, 'retry': DEFAULT_RETRY.with_timeout(_TIMEOUT)}


def _check_credentials(options: PipelineOptions) -> None:
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
            f'no credentials for Google Cloud: {client_error_text(error)}; {_LOG_IN}, '
            'or give --no_auth for public buckets'
        ) from error


def check_bucket(options: PipelineOptions, flag: str, url: str) -> None:
    """Checks that a bucket exists and that there are credentials for it.

    Args:
      options: the pipeline's, which Beam's file systems have as well.
      flag: what gives the URL.
      url: of something in the bucket.

    Raises:
      UserError: there are no credentials, no such bucket, or no answer.
    """
    from google.api_core.exceptions import Forbidden, Unauthorized

    _check_credentials(options)
    bucket, _ = split_url(url)
    with (
        google_errors(f'{flag} {url} cannot be reached', STORE_ROLES),
        # Objects may be usable where the bucket itself may not be looked at.
        contextlib.suppress(Forbidden, Unauthorized),
    ):
        if gcs_client().lookup_bucket(bucket, **timeout_flags()) is None:
            region = options.view_as(GoogleCloudOptions).region
            location = f' --location={region}' if region else ''
            raise UserError(
                f'{flag} {url}: there is no bucket gs://{bucket}; make it with `gcloud '
                f'storage buckets create gs://{bucket}{location}`, or name another'
            )
