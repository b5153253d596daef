"""Objects of a store that are being written: sent in parts, or given up.

Beam's own writers cannot give an object up: a stream that has failed, or that is
dropped, sends what it still has when it is collected, and may wait for minutes for
a store that is out of reach. They leave the parts of an unfinished upload to S3,
which bills them; copy all that is pending each time they are given more, 2.5 ms of a
core for a photograph; take three requests for an object of one part, and cannot
write an empty one to S3. Other stores are left to Beam.
"""

import contextlib
import io
from typing import BinaryIO, Protocol

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from indexed_imagenet.transforms.storage.store_clients import gcs_client, s3_client
from indexed_imagenet.transforms.storage.stores import as_os_errors, split_url

# Bytes that are sent at a time. S3 takes no less than 5 MiB, and 10,000 parts;
# Google's store takes multiples of 256 KiB.
_PART = 8 << 20

_TYPE = 'application/octet-stream'


class _Sender(Protocol):
    """Sends one object."""

    def send(self, part: bytes) -> None:
        """Sends a part of the size of all but the last."""

    def finish(self, rest: bytes) -> None:
        """Sends the rest, which may be all or nothing, and has the object appear."""

    def abort(self) -> None:
        """Has the object not appear, as far as that can be done."""


class _ToGoogle:
    def __init__(self, url: str):
        bucket, name = split_url(url)
        self._blob = gcs_client().bucket(bucket).blob(name)
        self._writer: BinaryIO | None = None

    def send(self, part: bytes) -> None:
        from google.cloud.storage.fileio import BlobWriter
        from google.cloud.storage.retry import DEFAULT_RETRY

        if self._writer is None:
            self._writer = BlobWriter(
                self._blob, _PART, retry=DEFAULT_RETRY, content_type=_TYPE
            )
        self._writer.write(part)

    def finish(self, rest: bytes) -> None:
        from google.cloud.storage.retry import DEFAULT_RETRY

        if self._writer is None:
            self._blob.upload_from_string(rest, _TYPE, retry=DEFAULT_RETRY)
            return
        if rest:
            self._writer.write(rest)
        self._writer.close()

    def abort(self) -> None:
        if self._writer is None:
            return
        try:
            self._writer.terminate()
        except Exception:
            # Without what could not be cancelled, it forgets what it has. The store
            # keeps an unfinished upload for a week, and does not bill it.
            self._writer._upload_and_transport = None
            self._writer.terminate()


class _ToS3:
    def __init__(self, url: str):
        bucket, name = split_url(url)
        self._object = {'Bucket': bucket, 'Key': name}
        self._upload: dict[str, str] | None = None
        self._parts: list[dict] = []

    def send(self, part: bytes) -> None:
        client = s3_client()
        if self._upload is None:
            answer = client.create_multipart_upload(**self._object, ContentType=_TYPE)
            self._upload = {**self._object, 'UploadId': answer['UploadId']}
        number = len(self._parts) + 1
        answer = client.upload_part(**self._upload, PartNumber=number, Body=part)
        self._parts.append({'PartNumber': number, 'ETag': answer['ETag']})

    def finish(self, rest: bytes) -> None:
        if self._upload is None:
            s3_client().put_object(**self._object, Body=rest, ContentType=_TYPE)
            return
        if rest:
            self.send(rest)
        parts = {'Parts': self._parts}
        s3_client().complete_multipart_upload(**self._upload, MultipartUpload=parts)

    def abort(self) -> None:
        if self._upload is not None:
            s3_client().abort_multipart_upload(**self._upload)


class _ByBeam:
    def __init__(self, url: str):
        self._stream = FileSystems.create(
            url, compression_type=CompressionTypes.UNCOMPRESSED
        )

    def send(self, part: bytes) -> None:
        self._stream.write(part)

    def finish(self, rest: bytes) -> None:
        self._stream.write(rest)
        self._stream.close()

    def abort(self) -> None:
        self._stream.close()


_SENDERS = {'gs': _ToGoogle, 's3': _ToS3}


class Upload(io.RawIOBase):
    """An object that is being written; its store may refuse it as late as at the end.

    It appears when it is closed. Given up, by an exception in its context or because
    nothing refers to it any more, it does not appear, but where Beam writes it.
    """

    @as_os_errors()
    def __init__(self, url: str):
        """Opens it.

        Args:
          url: of the object.

        Raises:
          OSError: the store refuses.
        """
        super().__init__()
        self._sender: _Sender | None = None
        self._pending: list[bytes] = []
        self._num_pending = 0
        self._sender = _SENDERS.get(FileSystems.get_scheme(url), _ByBeam)(url)

    def writable(self) -> bool:
        return True

    @as_os_errors()
    def write(self, data) -> int:
        self._pending.append(bytes(data))
        self._num_pending += len(data)
        if self._num_pending >= _PART:
            whole = b''.join(self._pending)
            cut = len(whole) - len(whole) % _PART
            self._pending, self._num_pending = [whole[cut:]], len(whole) - cut
            for begin in range(0, cut, _PART):
                self._sender.send(whole[begin : begin + _PART])
        return len(data)

    @as_os_errors()
    def close(self) -> None:
        if self.closed:
            return
        try:
            self._sender.finish(b''.join(self._pending))
        except BaseException:
            self.abort()
            raise
        self._end()

    def abort(self) -> None:
        """Gives the object up, as far as that can be done."""
        sender = self._end()
        if sender is not None:
            with contextlib.suppress(Exception):
                sender.abort()

    def _end(self) -> _Sender | None:
        sender, self._sender = self._sender, None
        self._pending = []
        super().close()
        return sender

    def __exit__(self, exc_type, *rest) -> None:
        if exc_type is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        if not self.closed:
            self.abort()
