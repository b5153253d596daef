"""Checks, before a job is submitted, that Dataflow and its staging bucket accept it.

Each is tried instead of looked up: only Google knows who may do what.
"""

import uuid

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from indexed_imagenet.errors import UserError
from indexed_imagenet.transforms import storage

# Seconds to wait for a response of the service.
_RESPONSE_TIMEOUT = 20.0

_SERVICE_ROLES = (
    'enable its API (`gcloud services enable dataflow.googleapis.com`) and give the '
    'account the role dataflow.developer'
)


def staging_urls(options: PipelineOptions) -> dict[str, str]:
    """Returns the URLs where a job is staged, by flag."""
    cloud = options.view_as(GoogleCloudOptions)
    urls = {
        f'--{name}': getattr(cloud, name)
        for name in ('temp_location', 'staging_location')
    }
    return {flag: url for flag, url in urls.items() if url}


def check_staging(options: PipelineOptions) -> None:
    """Checks that the staging URLs are writable by writing there.

    Raises:
      UserError: one is not.
    """
    from indexed_imagenet.transforms.storage.gcs import gcs_client
    from indexed_imagenet.transforms.storage.gcs_access import (
        STORE_ROLES,
        google_errors,
        timeout_flags,
    )

    for flag, url in staging_urls(options).items():
        with google_errors(f'{flag} {url} cannot be written', STORE_ROLES):
            probe_url = storage.join(url, f'.probe-{uuid.uuid4().hex}')
            bucket, name = storage.split_url(probe_url)
            probe = gcs_client().bucket(bucket).blob(name)
            probe.upload_from_string(b'', **timeout_flags())
            probe.delete(**timeout_flags())


def job_url(options: PipelineOptions, job_id: str) -> str:
    """Returns the address of a job in Google's console."""
    cloud = options.view_as(GoogleCloudOptions)
    return (
        f'https://console.cloud.google.com/dataflow/jobs/{cloud.region}/{job_id}'
        f'?project={cloud.project}'
    )


def check_service(options: PipelineOptions) -> None:
    """Checks that Dataflow answers and that no job of the same name is running there.

    Raises:
      UserError: such a job is running, or the service refuses or does not answer.
    """
    from apache_beam.internal.gcp.auth import get_service_credentials
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import dataflow

    from indexed_imagenet.transforms.storage.gcs_access import google_errors

    cloud = options.view_as(GoogleCloudOptions)
    credentials = None if cloud.no_auth else get_service_credentials(options)
    with google_errors(
        f'Dataflow refused project {cloud.project} in {cloud.region}', _SERVICE_ROLES
    ):
        client = dataflow.JobsV1Beta3Client(
            credentials=credentials or AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options=ClientOptions(api_endpoint=cloud.dataflow_endpoint),
            transport='rest',
        )
        request = dataflow.ListJobsRequest(
            project_id=cloud.project,
            location=cloud.region,
            name=cloud.job_name,
            filter=dataflow.ListJobsRequest.Filter.ACTIVE,
        )
        for job in client.list_jobs(request, timeout=_RESPONSE_TIMEOUT):
            if job.name == cloud.job_name:
                raise UserError(
                    f'a job named {job.name} is already running: '
                    f'{job_url(options, job.id)}; wait for its end or cancel it there'
                )
