"""What Google has to grant before a job goes to Dataflow: a place to stage, the service.

Each is tried, not looked up: who may do what is known to Google alone.
"""

import uuid

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from indexed_imagenet.errors import UserError
from indexed_imagenet.preflight.store_access import (
    STORE_ROLES,
    refused_by_google,
    waiting,
)
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.storage.store_clients import gcs_client
from indexed_imagenet.transforms.storage.stores import split_url

# Seconds until a service that does not answer is given up.
_PATIENCE = 20.0

_SERVICE_ROLES = (
    'enable its API (`gcloud services enable dataflow.googleapis.com`), and give the '
    'account the role dataflow.developer'
)


def staging_urls(options: PipelineOptions) -> dict[str, str]:
    """Where a job is staged, by flag."""
    cloud = options.view_as(GoogleCloudOptions)
    urls = {
        f'--{name}': getattr(cloud, name)
        for name in ('temp_location', 'staging_location')
    }
    return {flag: url for flag, url in urls.items() if url}


def check_staging(options: PipelineOptions) -> None:
    """Writes where the job is going to be staged.

    Raises:
      UserError: it may not be.
    """
    for flag, url in staging_urls(options).items():
        with refused_by_google(f'{flag} {url} cannot be written', STORE_ROLES):
            bucket, name = split_url(files.join(url, f'.probe-{uuid.uuid4().hex}'))
            probe = gcs_client().bucket(bucket).blob(name)
            probe.upload_from_string(b'', **waiting())
            probe.delete(**waiting())


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
    with refused_by_google(
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
