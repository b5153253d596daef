"""Amazon S3 and everything that speaks it, ``s3://``, by boto3."""

import contextlib
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions, S3Options

from indexed_imagenet.transforms.storage.base import Writer, split_url
from indexed_imagenet.transforms.storage.beam import (
    BeamStorage,
    as_os_errors,
    http_status,
)
from indexed_imagenet.transforms.storage.clients import MAX_CONNECTIONS, shared_client
from indexed_imagenet.transforms.storage.upload import (
    CONTENT_TYPE,
    Upload,
    UploadWriter,
)


def _make_client(options: PipelineOptions) -> Any:
    import boto3
    import botocore.config

    flags = options.view_as(S3Options)
    return boto3.session.Session().client(
        's3',
        region_name=flags.s3_region_name,
        api_version=flags.s3_api_version,
        use_ssl=not flags.s3_disable_ssl,
        verify=flags.s3_verify,
        endpoint_url=flags.s3_endpoint_url,
        aws_access_key_id=flags.s3_access_key_id,
        aws_secret_access_key=flags.s3_secret_access_key,
        aws_session_token=flags.s3_session_token,
        config=botocore.config.Config(max_pool_connections=MAX_CONNECTIONS),
    )


def s3_client() -> Any:
    """Returns the client, for the options that Beam's file systems have."""
    return shared_client('s3', _make_client)


class _S3Upload(Upload):
    def __init__(self, url: str):
        bucket, name = split_url(url)
        self._object = {'Bucket': bucket, 'Key': name}
        self._upload: dict[str, str] | None = None
        self._parts: list[dict[str, Any]] = []

    def send(self, part: bytes) -> None:
        client = s3_client()
        if self._upload is None:
            answer = client.create_multipart_upload(
                **self._object, ContentType=CONTENT_TYPE
            )
            self._upload = {**self._object, 'UploadId': answer['UploadId']}
        number = len(self._parts) + 1
        answer = client.upload_part(**self._upload, PartNumber=number, Body=part)
        self._parts.append({'PartNumber': number, 'ETag': answer['ETag']})

    def finish(self, rest: bytes) -> None:
        if self._upload is None:
            s3_client().put_object(**self._object, Body=rest, ContentType=CONTENT_TYPE)
            return
        if rest:
            self.send(rest)
        parts = {'Parts': self._parts}
        s3_client().complete_multipart_upload(**self._upload, MultipartUpload=parts)

    def abort(self) -> None:
        if self._upload is not None:
            s3_client().abort_multipart_upload(**self._upload)


class S3Storage(BeamStorage):
    """S3: one request to read an image, one level to list."""

    def _list_level(self, url: str) -> tuple[list[str], list[str]]:
        _, prefix = split_url(url)
        folders, objects = [], []
        for page in self._pages(url, Delimiter='/'):
            for found in page.get('CommonPrefixes', ()):
                folders.append(found['Prefix'].removeprefix(prefix).rstrip('/'))
            for found in page.get('Contents', ()):
                objects.append(found['Key'].removeprefix(prefix))
        return folders, objects

    def _read(self, url: str, offset: int, length: int) -> bytes:
        client = s3_client()
        bucket, name = split_url(url)
        span = {}
        if offset or length >= 0:
            end = str(offset + length - 1) if length >= 0 else ''
            span = {'Range': f'bytes={offset}-{end}'}
        try:
            body = client.get_object(Bucket=bucket, Key=name, **span)['Body']
            data: bytes = body.read()
            return data
        except client.exceptions.ClientError as error:
            if error.response['Error']['Code'] == 'InvalidRange':  # it ends before
                return b''
            raise

    # Beam takes names with [, ? or * for patterns in what follows; a name is a name.

    def _pages(self, url: str, **options: str) -> Any:
        bucket, prefix = split_url(url.rstrip('/') + '/')
        pages = s3_client().get_paginator('list_objects_v2')
        return pages.paginate(Bucket=bucket, Prefix=prefix, **options)

    def size(self, path: str) -> int | None:
        client = s3_client()
        bucket, name = split_url(path)
        with as_os_errors():
            try:
                size: int = client.head_object(Bucket=bucket, Key=name)['ContentLength']
            except client.exceptions.ClientError as error:
                if http_status(error) != 404:
                    raise
                return None
        return size

    def sizes(self, folder: str) -> dict[str, int]:
        with as_os_errors():
            return {
                found['Key'].rpartition('/')[2]: found['Size']
                for page in self._pages(folder, Delimiter='/')
                for found in page.get('Contents', ())
            }

    def delete(self, path: str) -> None:
        bucket, name = split_url(path)
        with as_os_errors():
            s3_client().delete_object(Bucket=bucket, Key=name)

    def delete_folder(self, path: str) -> None:
        bucket, _ = split_url(path)
        with contextlib.suppress(OSError), as_os_errors():
            for page in self._pages(path):
                for found in page.get('Contents', ()):
                    s3_client().delete_object(Bucket=bucket, Key=found['Key'])

    def create(self, path: str) -> Writer:
        with as_os_errors():
            return UploadWriter(_S3Upload(path))


def _share_with_beam() -> None:
    """Makes Beam's file system use our client."""
    from apache_beam.io.aws.clients.s3 import boto3_client

    if boto3_client.boto3 is None:  # then Beam says what to install
        return

    def use_shared(self: Any, options: Any) -> None:
        self.client = s3_client()
        self._download_request = None
        self._download_stream = None
        self._download_pos = 0

    boto3_client.Client.__init__ = use_shared
    # Beam's own fails on an error that no answer has come with.
    boto3_client.get_http_error_code = http_status


_share_with_beam()
