"""Any store that Beam's file systems know, and what all stores share.

Beam's errors are each client's own, wrapped once or twice; here every refusal is an
OSError.
"""

import contextlib
import errno
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from indexed_imagenet.text import one_line
from indexed_imagenet.transforms.storage.base import Listing, Storage, Writer

# HTTP statuses as this system's calls report them.
_ERRNO_OF_STATUS = {401: errno.EACCES, 403: errno.EACCES, 404: errno.ENOENT}

_RAW = CompressionTypes.UNCOMPRESSED


def http_status(error: BaseException) -> int | None:
    """Returns the HTTP status of a store's answer; each client keeps it elsewhere."""
    status = getattr(error, 'code', None)
    if status is None:
        response = getattr(error, 'response', None)
        if isinstance(response, dict):
            status = response.get('ResponseMetadata', {}).get('HTTPStatusCode')
        else:
            status = getattr(response, 'status_code', None)
    return status if isinstance(status, int) else None


def _as_os_error(error: Exception) -> OSError:
    while details := getattr(error, 'exception_details', None):
        inner = next(iter(details.values()))
        if not isinstance(inner, Exception):
            break
        error = inner
    if isinstance(error, OSError) and not isinstance(error, BeamIOError):
        return error
    message = getattr(error, 'message', None) or ' '.join(map(str, error.args))
    text = one_line(message) or type(error).__name__
    status = http_status(error)
    number = _ERRNO_OF_STATUS.get(status) if status is not None else None
    return OSError(number, text) if number else OSError(text)


@contextlib.contextmanager
def as_os_errors() -> Iterator[None]:
    """Raises whatever a store's client raises as an OSError."""
    try:
        yield
    except Exception as error:
        raise _as_os_error(error) from error


class _BeamWriter(Writer):
    """A stream of Beam's file systems. What is aborted may still appear."""

    @as_os_errors()
    def __init__(self, url: str):
        self._stream = FileSystems.create(url, compression_type=_RAW)

    @as_os_errors()
    def write_parts(self, parts: Sequence[bytes | memoryview]) -> None:
        for part in parts:
            self._stream.write(part)

    def fsync(self) -> None:
        """Does nothing: an object exists once it is closed, and then for good."""

    @as_os_errors()
    def close(self) -> None:
        self._stream.close()

    def abort(self) -> None:
        with contextlib.suppress(Exception):
            self._stream.close()


class BeamStorage(Storage):
    """A store by Beam's file systems alone.

    They list everything below a folder, and take three requests to read an image.
    """

    def list_folder(self, path: str) -> Listing:
        url = path.rstrip('/') + '/'
        with as_os_errors():
            folders, names = self._list_level(url)
        # An object may stand for the folder itself.
        return Listing(
            [name.encode() for name in folders], [name.encode() for name in names if name]
        )

    def _list_level(self, url: str) -> tuple[list[str], list[str]]:
        """Returns the names of the folders and objects directly below a prefix."""
        [match] = FileSystems.match([f'{url}**'])
        below = [metadata.path.removeprefix(url) for metadata in match.metadata_list]
        folders = {path.partition('/')[0] for path in below if '/' in path}
        return list(folders), [path for path in below if '/' not in path]

    def read_bytes(self, path: str, offset: int, length: int) -> bytes:
        if length == 0:
            return b''
        with as_os_errors():
            return self._read(path, offset, length)

    def _read(self, url: str, offset: int, length: int) -> bytes:
        with FileSystems.open(url, compression_type=_RAW) as file:
            if offset:
                file.seek(offset)
            return cast(bytes, file.read(length))

    def open_seekable(self, path: str) -> BinaryIO:
        return io.BytesIO(self.read_bytes(path, 0, -1))

    def open_stream(self, path: str) -> tuple[BinaryIO, int]:
        size = self.size(path)
        if size is None:
            raise FileNotFoundError(errno.ENOENT, 'no such object', path)
        return FileSystems.open(path, compression_type=_RAW), size

    def create(self, path: str) -> Writer:
        return _BeamWriter(path)

    def size(self, path: str) -> int | None:
        with as_os_errors():
            [match] = FileSystems.match([path])
        found = [m.size_in_bytes for m in match.metadata_list if m.path == path]
        return found[0] if found else None

    def sizes(self, folder: str) -> dict[str, int]:
        prefix = folder.rstrip('/') + '/'
        with as_os_errors():
            [match] = FileSystems.match([prefix + '*'])
        # The folder may hold what Beam takes for a pattern; other folders may match it.
        return {
            m.path[len(prefix) :]: m.size_in_bytes
            for m in match.metadata_list
            if m.path.startswith(prefix)
        }

    def rename(self, source: str, target: str) -> None:
        """Copies the object, checks the copy, then deletes the source."""
        expected = self.size(source)
        with as_os_errors():
            FileSystems.copy([source], [target])
        found = self.size(target)
        if expected is None or found != expected:
            raise OSError(
                f'{target} has {found} bytes after it was copied from {source} '
                f'(expected {expected})'
            )
        self.delete(source)

    def delete(self, path: str) -> None:
        with as_os_errors():
            if FileSystems.exists(path):
                FileSystems.delete([path])

    def delete_folder(self, path: str) -> None:
        with contextlib.suppress(OSError), as_os_errors():
            prefix = path.rstrip('/') + '/'
            [match] = FileSystems.match([f'{prefix}**'])
            below = [m.path for m in match.metadata_list if m.path.startswith(prefix)]
            if below:
                FileSystems.delete(below)
