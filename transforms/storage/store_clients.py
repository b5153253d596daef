"""One client for each object store and process, for our operations and for Beam's.

Beam's file systems make a new client, with connections of its own, for each
operation: on S3 that is 0.3 s of a core each time, and the build of a tree of twelve
images took 79 s of CPU instead of 10.
"""

import os
import threading
from typing import Any

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    S3Options,
)

# A worker pool starts its workers without the pipeline's options, and the client
# of S3 wants some; then the environment says what it needs to know.
if FileSystems._pipeline_options is None:
    FileSystems.set_options(PipelineOptions([]))

# Connections that a client keeps: as many as a worker of four threads reads with.
_CONNECTIONS = 128

_lock = threading.Lock()
_clients: dict[str, tuple[PipelineOptions, Any]] = {}

# Two processes must not speak on one connection.
os.register_at_fork(after_in_child=_clients.clear)


def _shared_client(scheme: str, make) -> Any:
    """The client of a store; made once, and anew when the options are others."""
    options = FileSystems._pipeline_options
    with _lock:
        made_for, client = _clients.get(scheme, (None, None))
        if made_for is not options:
            client = make(options)
            _clients[scheme] = options, client
    return client


def _make_gcs_client(options: PipelineOptions) -> Any:
    from apache_beam.io.gcp.gcsio import create_storage_client
    from requests.adapters import HTTPAdapter

    # Where there are none, the search for credentials takes half a minute.
    anonymous = options.view_as(GoogleCloudOptions).no_auth
    client = create_storage_client(options, use_credentials=not anonymous)
    for prefix in ('https://', 'http://'):
        client._http.mount(prefix, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    return client


def _make_s3_client(options: PipelineOptions) -> Any:
    import boto3
    import botocore.config

    given = options.view_as(S3Options)
    return boto3.session.Session().client(
        's3',
        region_name=given.s3_region_name,
        api_version=given.s3_api_version,
        use_ssl=not given.s3_disable_ssl,
        verify=given.s3_verify,
        endpoint_url=given.s3_endpoint_url,
        aws_access_key_id=given.s3_access_key_id,
        aws_secret_access_key=given.s3_secret_access_key,
        aws_session_token=given.s3_session_token,
        config=botocore.config.Config(max_pool_connections=_CONNECTIONS),
    )


def gcs_client() -> Any:
    """The client of Google's store, for the options that Beam's file systems have."""
    return _shared_client('gs', _make_gcs_client)


def s3_client() -> Any:
    """The client of S3, for the options that Beam's file systems have."""
    return _shared_client('s3', _make_s3_client)


def http_status(error: Exception) -> int | None:
    """The HTTP status that a store's answer had; each client keeps it elsewhere."""
    status = getattr(error, 'code', None)
    if status is None:
        response = getattr(error, 'response', None)
        if isinstance(response, dict):
            return response.get('ResponseMetadata', {}).get('HTTPStatusCode')
        status = getattr(response, 'status_code', None)
    return status


def _share_with_gcsio() -> None:
    try:
        from apache_beam.io.gcp.gcsio import GcsIO
    except ImportError:  # then Beam says what to install
        return
    init = GcsIO.__init__

    def take_shared(self, storage_client=None, pipeline_options=None):
        init(self, storage_client or gcs_client(), pipeline_options)

    GcsIO.__init__ = take_shared


def _share_with_s3io() -> None:
    from apache_beam.io.aws.clients.s3 import boto3_client

    if boto3_client.boto3 is None:  # then Beam says what to install
        return

    def take_shared(self, options):
        self.client = s3_client()
        self._download_request = None
        self._download_stream = None
        self._download_pos = 0

    boto3_client.Client.__init__ = take_shared
    # Beam's own fails on an error that no answer has come with.
    boto3_client.get_http_error_code = http_status


_share_with_gcsio()
_share_with_s3io()
