"""Stand-ins for Dataflow and Cloud Storage together, as a build needs both."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

import pytest
from apache_beam.internal.gcp import auth
from google.cloud import storage

from support import servers
from support.dataflow_service import (
    DataflowService,
    Job,
    dataflow_service,
    write_credentials,
)

NUM_SHARDS = ['--train_shards=4', '--validation_shards=3']


@dataclasses.dataclass(frozen=True, slots=True)
class Cloud:
    """A service, a store, and how another process reaches both.

    Attributes:
      service: the stand-in for Dataflow.
      bucket: holds the input below ``in/``.
      env: for commands.
    """

    service: DataflowService
    bucket: storage.Bucket
    env: dict[str, str]

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Returns the content of each object below a prefix, by the rest of its name."""
        return {
            blob.name.removeprefix(prefix): blob.download_as_bytes()
            for blob in self.bucket.list_blobs(prefix=prefix)
        }

    def flags(self, output: str) -> list[str]:
        """Returns the flags of a build into a folder of the bucket."""
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

    def job(self) -> Job:
        """Returns the job that was created last."""
        return list(self.service.jobs.values())[-1]


@contextlib.contextmanager
def open_cloud(tree: pathlib.Path, folder: pathlib.Path) -> Iterator[Cloud]:
    """Runs both services, and points this process at them.

    Args:
      tree: uploaded below ``in/``.
      folder: for credentials and the jobs of the service.
    """
    with (
        servers.gcs_emulator('bucket') as store_url,
        dataflow_service(folder) as service,
        pytest.MonkeyPatch.context() as patch,
    ):
        credentials = write_credentials(folder, f'{service.url}/token')
        env = {
            'STORAGE_EMULATOR_HOST': store_url,
            'GOOGLE_APPLICATION_CREDENTIALS': str(credentials),
        }
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr(auth._Credentials, '_credentials_init', False)
        bucket = storage.Client.create_anonymous_client().bucket('bucket')
        for path in filter(pathlib.Path.is_file, tree.rglob('*')):
            name = f'in/{path.relative_to(tree)}'
            bucket.blob(name).upload_from_filename(path)
        yield Cloud(service, bucket, env)
