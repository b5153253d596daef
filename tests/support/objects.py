"""The objects of a bucket, through the store's own client."""

from typing import Protocol

import boto3
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from support import servers


class Objects(Protocol):
    """The objects of a bucket.

    Methods take the name of an object, or the beginning of names. ``unfinished`` returns
    the number of uploads that are neither finished nor aborted.
    """

    def names(self, prefix: str) -> list[str]: ...
    def get(self, name: str) -> bytes: ...
    def put(self, name: str, content: bytes) -> None: ...
    def delete(self, name: str) -> None: ...
    def unfinished(self) -> int: ...


class GoogleObjects:
    """The objects of a bucket in Cloud Storage."""

    def __init__(self, bucket: storage.Bucket):
        self._bucket = bucket

    def names(self, prefix):
        return [blob.name for blob in self._bucket.list_blobs(prefix=prefix)]

    def get(self, name):
        return self._bucket.blob(name).download_as_bytes()

    def put(self, name, content):
        self._bucket.blob(name).upload_from_string(content)

    def delete(self, name):
        self._bucket.blob(name).delete()

    def unfinished(self):
        return 0  # the store does not report any


class S3Objects:
    """The objects of a bucket in S3."""

    def __init__(self, bucket):
        self._bucket = bucket

    def names(self, prefix):
        return [found.key for found in self._bucket.objects.filter(Prefix=prefix)]

    def get(self, name):
        return self._bucket.Object(name).get()['Body'].read()

    def put(self, name, content):
        self._bucket.Object(name).put(Body=content)

    def delete(self, name):
        self._bucket.Object(name).delete()

    def unfinished(self):
        return len(list(self._bucket.multipart_uploads.all()))


def google_objects(url: str, bucket: str) -> Objects:
    """Returns the objects of a bucket of ``servers.gcs_emulator``."""
    client = storage.Client(
        'none',
        credentials=AnonymousCredentials(),
        client_options={'api_endpoint': url},
    )
    return GoogleObjects(client.bucket(bucket))


def s3_objects(url: str, bucket: str) -> Objects:
    """Returns the objects of a bucket of ``servers.s3_server``."""
    resource = boto3.resource(
        's3',
        endpoint_url=url,
        region_name=servers.S3_ENVIRONMENT['AWS_DEFAULT_REGION'],
        aws_access_key_id=servers.S3_ENVIRONMENT['AWS_ACCESS_KEY_ID'],
        aws_secret_access_key=servers.S3_ENVIRONMENT['AWS_SECRET_ACCESS_KEY'],
    )
    return S3Objects(resource.Bucket(bucket))
