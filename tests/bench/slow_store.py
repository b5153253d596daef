"""A file system ``slow://…``: local files, with the latency of an object store."""

import os
import time

from apache_beam.io.filesystem import CompressionTypes, FileMetadata, FileSystem

# Seconds before each file is opened.
DELAY = 0.020

_SCHEME = 'slow://'


class SlowFileSystem(FileSystem):
    """Reads and lists local files; cannot write."""

    @classmethod
    def scheme(cls):
        return 'slow'

    def join(self, basepath, *paths):
        return '/'.join([basepath.rstrip('/'), *paths])

    def split(self, path):
        head, _, tail = path.rpartition('/')
        return head, tail

    def _local(self, path):
        return path.removeprefix(_SCHEME)

    def _list(self, dir_or_prefix):
        for folder, _, names in os.walk(self._local(dir_or_prefix)):
            for name in names:
                yield FileMetadata(_SCHEME + os.path.join(folder, name), 0)

    def has_dirs(self):
        return False

    def open(
        self,
        path,
        mime_type='application/octet-stream',
        compression_type=CompressionTypes.AUTO,
    ):
        time.sleep(DELAY)
        return open(self._local(path), 'rb')

    def exists(self, path):
        return os.path.exists(self._local(path))

    def size(self, path):
        return os.path.getsize(self._local(path))

    def metadata(self, path):
        return FileMetadata(path, self.size(path), os.path.getmtime(self._local(path)))

    def last_updated(self, path):
        return self.metadata(path).last_updated_in_seconds

    def checksum(self, path):
        return str(self.size(path))

    def _refuse(self, *arguments, **keywords):
        raise OSError('slow:// is read-only')

    create = mkdirs = copy = rename = delete = _refuse
