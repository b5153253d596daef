"""Google Cloud Storage, ``gs://``, by Google's own client."""

import contextlib
from typing import Any, BinaryIO

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from indexed_imagenet.transforms.storage.base import Writer, split_url
from indexed_imagenet.transforms.storage.beam import BeamStorage, as_os_errors
from indexed_imagenet.transforms.storage.clients import MAX_CONNECTIONS, shared_client
from indexed_imagenet.transforms.storage.upload import (
    CONTENT_TYPE,
    PART_BYTES,
    Upload,
    UploadWriter,
)


def _make_client(options: PipelineOptions) -> Any:
    from apache_beam.io.gcp.gcsio import create_storage_client
    from requests.adapters import HTTPAdapter

    # Where there are none, the search for credentials takes half a minute.
    anonymous = options.view_as(GoogleCloudOptions).no_auth
    client = create_storage_client(options, use_credentials=not anonymous)
    for prefix in ('https://', 'http://'):
        client._http.mount(prefix, HTTPAdapter(pool_maxsize=MAX_CONNECTIONS))
    return client


def gcs_client() -> Any:
    """Returns the client, for the options that Beam's file systems have."""
    return shared_client('gs', _make_client)


class _GcsUpload(Upload):
    def __init__(self, url: str):
        bucket, name = split_url(url)
        self._blob = gcs_client().bucket(bucket).blob(name)
        self._writer: BinaryIO | None = None

    def send(self, part: bytes) -> None:
        from google.cloud.storage.fileio import BlobWriter
        from google.cloud.storage.retry import DEFAULT_RETRY

        if self._writer is None:
            self._writer = BlobWriter(
                self._blob, PART_BYTES, retry=DEFAULT_RETRY, content_type=CONTENT_TYPE
            )
        self._writer.write(part)

    def finish(self, rest: bytes) -> None:
        from google.cloud.storage.retry import DEFAULT_RETRY

        if self._writer is None:
            self._blob.upload_from_string(rest, CONTENT_TYPE, retry=DEFAULT_RETRY)
            return
        if rest:
            self._writer.write(rest)
        self._writer.close()

    def abort(self) -> None:
        writer: Any = self._writer
        if writer is None:
            return
        try:
            writer.terminate()
        except Exception:
            # Without what could not be cancelled, it forgets what it has. The store
            # keeps an unfinished upload for a week, and does not bill it.
            writer._upload_and_transport = None
            writer.terminate()


class GcsStorage(BeamStorage):
    """Google Cloud Storage: one request to read an image, one level to list."""

    def _list_level(self, url: str) -> tuple[list[str], list[str]]:
        bucket, prefix = split_url(url)
        found = gcs_client().list_blobs(bucket, prefix=prefix, delimiter='/')
        objects = [blob.name.removeprefix(prefix) for blob in found]
        folders = [name.removeprefix(prefix).rstrip('/') for name in found.prefixes]
        return folders, objects

    def _read(self, url: str, offset: int, length: int) -> bytes:
        from google.api_core.exceptions import RequestRangeNotSatisfiable

        bucket, name = split_url(url)
        blob = gcs_client().bucket(bucket).blob(name)
        end = offset + length - 1 if length >= 0 else None
        try:
            # Raw: what is stored, even if it says that it is compressed.
            data: bytes = blob.download_as_bytes(
                start=offset or None, end=end, raw_download=True
            )
            return data
        except RequestRangeNotSatisfiable:  # the object ends before
            return b''

    # Beam takes names with [, ? or * for patterns in what follows; a name is a name.

    def size(self, path: str) -> int | None:
        bucket, name = split_url(path)
        with as_os_errors():
            blob = gcs_client().bucket(bucket).get_blob(name)
            return None if blob is None else blob.size

    def sizes(self, folder: str) -> dict[str, int]:
        bucket, prefix = split_url(folder.rstrip('/') + '/')
        with as_os_errors():
            found = gcs_client().list_blobs(bucket, prefix=prefix, delimiter='/')
            return {blob.name.removeprefix(prefix): blob.size for blob in found}

    def delete(self, path: str) -> None:
        from google.api_core.exceptions import NotFound
        from google.cloud.storage.retry import DEFAULT_RETRY

        bucket, name = split_url(path)
        with as_os_errors(), contextlib.suppress(NotFound):
            gcs_client().bucket(bucket).blob(name).delete(retry=DEFAULT_RETRY)

    def delete_folder(self, path: str) -> None:
        bucket, prefix = split_url(path.rstrip('/') + '/')
        with contextlib.suppress(OSError), as_os_errors():
            for blob in list(gcs_client().list_blobs(bucket, prefix=prefix)):
                blob.delete()

    def create(self, path: str) -> Writer:
        with as_os_errors():
            return UploadWriter(_GcsUpload(path))


def _share_with_beam() -> None:
    """Makes Beam's file system use our client."""
    try:
        from apache_beam.io.gcp.gcsio import GcsIO
    except ImportError:  # then Beam says what to install
        return
    init = GcsIO.__init__

    def use_shared(
        self: Any, storage_client: Any = None, pipeline_options: Any = None
    ) -> None:
        init(self, storage_client or gcs_client(), pipeline_options)

    GcsIO.__init__ = use_shared


_share_with_beam()
