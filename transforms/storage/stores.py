"""What Beam's file systems do not do well with an object store, by its own client.

They list all that is below a folder, where a store can list one level of it: for the
folder of 1,000 class folders a thousand names instead of a million. They take three
requests to read an image. And their errors are each client's own.
"""

import contextlib
import errno
from collections.abc import Iterator
from typing import NamedTuple

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from indexed_imagenet.transforms.storage.store_clients import (
    gcs_client,
    http_status,
    s3_client,
)

# What a store's HTTP statuses are to this system's calls.
_ERRNO_OF_STATUS = {
    401: errno.EACCES,
    403: errno.EACCES,
    404: errno.ENOENT,
}


def _as_os_error(error: Exception) -> OSError:
    """What an object store's client has raised, as this system's calls say it.

    Each client has errors of its own; Beam wraps them, once or twice, in one that
    lists them by path.
    """
    while getattr(error, 'exception_details', None):
        inner = next(iter(error.exception_details.values()))
        if not isinstance(inner, Exception):
            break
        error = inner
    if isinstance(error, OSError) and not isinstance(error, BeamIOError):
        return error
    said = getattr(error, 'message', None) or ' '.join(map(str, error.args))
    text = ' '.join(str(said).split()) or type(error).__name__
    number = _ERRNO_OF_STATUS.get(http_status(error))
    return OSError(number, text) if number else OSError(text)


@contextlib.contextmanager
def as_os_errors() -> Iterator[None]:
    """Has every refusal of an object store come as an OSError."""
    try:
        yield
    except Exception as error:
        raise _as_os_error(error) from error


def split_url(url: str) -> tuple[str, str]:
    """The bucket of an object or a folder, and the name within it."""
    bucket, _, name = url.partition('://')[2].partition('/')
    return bucket, name


class Level(NamedTuple):
    """What stands directly below a prefix, by name, without it."""

    folders: list[str]
    objects: list[str]


def _list_gcs(bucket: str, prefix: str) -> Level:
    found = gcs_client().list_blobs(bucket, prefix=prefix, delimiter='/')
    objects = [blob.name.removeprefix(prefix) for blob in found]
    folders = [name.removeprefix(prefix).rstrip('/') for name in found.prefixes]
    return Level(folders, objects)


def _list_s3(bucket: str, prefix: str) -> Level:
    pages = (
        s3_client()
        .get_paginator('list_objects_v2')
        .paginate(Bucket=bucket, Prefix=prefix, Delimiter='/')
    )
    folders, objects = [], []
    for page in pages:
        for found in page.get('CommonPrefixes', ()):
            folders.append(found['Prefix'].removeprefix(prefix).rstrip('/'))
        for found in page.get('Contents', ()):
            objects.append(found['Key'].removeprefix(prefix))
    return Level(folders, objects)


def _list_by_beam(url: str) -> Level:
    [match] = FileSystems.match([f'{url}**'])
    below = [metadata.path.removeprefix(url) for metadata in match.metadata_list]
    folders = {path.partition('/')[0] for path in below if '/' in path}
    return Level(list(folders), [path for path in below if '/' not in path])


_LISTERS = {'gs': _list_gcs, 's3': _list_s3}


@as_os_errors()
def list_level(url: str) -> Level:
    """Lists what stands directly in a folder of an object store.

    Args:
      url: of the folder.

    Raises:
      OSError: the store refuses.
    """
    url = url.rstrip('/') + '/'
    lister = _LISTERS.get(FileSystems.get_scheme(url))
    level = lister(*split_url(url)) if lister else _list_by_beam(url)
    # An object may stand for the folder itself.
    return Level(level.folders, [name for name in level.objects if name])


def _read_gcs(bucket: str, name: str, offset: int, most: int) -> bytes:
    from google.api_core.exceptions import RequestRangeNotSatisfiable

    blob = gcs_client().bucket(bucket).blob(name)
    end = offset + most - 1 if most >= 0 else None
    try:
        # Raw: what is stored, even if it says that it is compressed.
        return blob.download_as_bytes(start=offset or None, end=end, raw_download=True)
    except RequestRangeNotSatisfiable:  # the object ends before
        return b''


def _read_s3(bucket: str, name: str, offset: int, most: int) -> bytes:
    client = s3_client()
    span = {}
    if offset or most >= 0:
        end = str(offset + most - 1) if most >= 0 else ''
        span = {'Range': f'bytes={offset}-{end}'}
    try:
        return client.get_object(Bucket=bucket, Key=name, **span)['Body'].read()
    except client.exceptions.ClientError as error:
        if error.response['Error']['Code'] == 'InvalidRange':  # the object ends before
            return b''
        raise


def _read_by_beam(url: str, offset: int, most: int) -> bytes:
    with FileSystems.open(url, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        if offset:
            file.seek(offset)
        return file.read(most)


_READERS = {'gs': _read_gcs, 's3': _read_s3}


@as_os_errors()
def read_object(url: str, offset: int, most: int) -> bytes:
    """The content of an object, or a part of it, in one request.

    Args:
      url: of the object.
      offset: where to begin, in bytes.
      most: how many bytes to read at most; −1 for all.

    Raises:
      OSError: the store refuses.
    """
    if most == 0:
        return b''
    reader = _READERS.get(FileSystems.get_scheme(url))
    if reader is None:
        return _read_by_beam(url, offset, most)
    return reader(*split_url(url), offset, most)
