"""An object store in memory, as a Beam file system: ``store://…``."""

import io

from apache_beam.io.filesystem import (
    BeamIOError,
    CompressionTypes,
    FileMetadata,
    FileSystem,
)


class _Upload(io.BytesIO):
    """A stream whose object appears, complete, when it is closed."""

    def __init__(self, objects, path):
        super().__init__()
        self._objects = objects
        self._path = path

    def close(self):
        if not self.closed:
            self._objects[self._path] = self.getvalue()
        super().close()


class StoreFileSystem(FileSystem):
    """A file system of objects by name: no folders, no rename, no lock."""

    objects: dict[str, bytes] = {}

    @classmethod
    def scheme(cls):
        return 'store'

    def _list(self, prefix):
        for path, content in list(self.objects.items()):
            if path.startswith(prefix):
                yield FileMetadata(path, len(content))

    def create(self, path, mime_type=None, compression_type=CompressionTypes.AUTO):
        return _Upload(self.objects, path)

    def open(self, path, mime_type=None, compression_type=CompressionTypes.AUTO):
        if path not in self.objects:
            raise FileNotFoundError(2, 'No such object', path)
        return io.BytesIO(self.objects[path])

    def copy(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            self.objects[target] = self.objects[source]

    def exists(self, path):
        return path in self.objects

    def delete(self, paths):
        missing = [path for path in paths if self.objects.pop(path, None) is None]
        if missing:
            raise BeamIOError('Delete operation failed', dict.fromkeys(missing, 'none'))

    def has_dirs(self):
        return False

    def join(self, basepath, *paths):
        return '/'.join([basepath.rstrip('/'), *paths])

    def split(self, path):
        head, _, tail = path.rpartition('/')
        return head, tail

    def metadata(self, path):
        return FileMetadata(path, self.size(path))

    def size(self, path):
        return len(self.objects[path])

    def _refuse(self, *args, **kwargs):
        raise AssertionError('object stores do not have this operation')

    mkdirs = rename = last_updated = checksum = _refuse


def names(prefix: str) -> list[str]:
    """Returns the names of the objects below a prefix, without the prefix."""
    return sorted(
        path.removeprefix(prefix)
        for path in StoreFileSystem.objects
        if path.startswith(prefix)
    )
