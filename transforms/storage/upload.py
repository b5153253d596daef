"""Objects that are being written: sent in parts, or aborted.

Beam's own writers cannot abort: a stream that has failed, or that is dropped, sends
what it still has when it is collected, and may wait for minutes for a store that is out
of reach. They leave the parts of an unfinished upload to S3, which bills them; copy all
that is pending each time they are given more, 2.5 ms of a core per photograph; take
three requests for an object of one part, and cannot write an empty one to S3.
"""

import abc
import contextlib
from collections.abc import Sequence

from indexed_imagenet.transforms.storage.base import Writer
from indexed_imagenet.transforms.storage.beam import as_os_errors

# Bytes that are sent at a time. S3 takes no less than 5 MiB, and 10,000 parts;
# Google's store takes multiples of 256 KiB.
PART_BYTES = 8 << 20

CONTENT_TYPE = 'application/octet-stream'


class Upload(abc.ABC):
    """One object on its way to a store."""

    @abc.abstractmethod
    def send(self, part: bytes) -> None:
        """Sends a part of ``PART_BYTES``."""

    @abc.abstractmethod
    def finish(self, rest: bytes) -> None:
        """Sends the rest, which may be all or nothing, and completes the object."""

    @abc.abstractmethod
    def abort(self) -> None:
        """Aborts the upload."""


class UploadWriter(Writer):
    """Collects what is written into parts, and sends them.

    The object appears when it is closed. Aborted, by an exception in its context or
    because nothing refers to it any more, it does not appear.
    """

    def __init__(self, upload: Upload):
        self._upload: Upload | None = upload
        self._pending: list[bytes] = []
        self._num_pending = 0

    def write_parts(self, parts: Sequence[bytes | memoryview]) -> None:
        assert self._upload is not None, 'the upload has ended'
        for data in parts:
            self._pending.append(bytes(data))
            self._num_pending += len(data)
        if self._num_pending < PART_BYTES:
            return
        whole = b''.join(self._pending)
        end = len(whole) - len(whole) % PART_BYTES
        self._pending, self._num_pending = [whole[end:]], len(whole) - end
        with as_os_errors():
            for begin in range(0, end, PART_BYTES):
                self._upload.send(whole[begin : begin + PART_BYTES])

    def fsync(self) -> None:
        """Does nothing: an object exists once it is closed, and then for good."""

    def close(self) -> None:
        upload = self._upload
        if upload is None:
            return
        try:
            with as_os_errors():
                upload.finish(b''.join(self._pending))
        except BaseException:
            self.abort()
            raise
        self._end()

    def abort(self) -> None:
        upload = self._end()
        if upload is not None:
            with contextlib.suppress(Exception):
                upload.abort()

    def _end(self) -> Upload | None:
        upload, self._upload = self._upload, None
        self._pending = []
        return upload

    def __del__(self) -> None:
        if getattr(self, '_upload', None) is not None:
            self.abort()
