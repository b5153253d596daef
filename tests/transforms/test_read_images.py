import os

import numpy as np
import pytest
from apache_beam.io.filesystem import CompressionTypes, FileMetadata, FileSystem

from transforms import files, read_images
from transforms.rows import WHOLE, Row


def row(source, offset=0, length=WHOLE):
    return Row(0, 0, offset, length, source.encode(), b'')


@pytest.fixture
def directory(tmp_path):
    for i in range(40):
        (tmp_path / f'{i}').write_bytes(bytes([i]) * (1000 * i))
    return str(tmp_path)


@pytest.mark.parametrize('ahead', [0, 3, 100])
def test_reads_in_the_order_of_the_rows(directory, monkeypatch, ahead):
    monkeypatch.setattr(read_images, 'OPEN_AHEAD', ahead)
    order = np.random.RandomState(0).permutation(40)
    rows = [row(str(i)) for i in order]
    read = list(read_images.read_images(directory, rows))
    assert [r for r, _ in read] == rows
    assert [data for _, data in read] == [bytes([i]) * (1000 * i) for i in order]


def test_reads_a_part_of_a_source(directory):
    [(_, data)] = read_images.read_images(directory, [row('7', 6990, 30)])
    assert data == b'\7' * 10  # what there is of it


def test_hands_on_the_error_of_a_file_and_reads_the_others(directory):
    os.unlink(os.path.join(directory, '5'))
    read = [data for _, data in read_images.read_images(directory, [row('5'), row('6')])]
    assert isinstance(read[0], FileNotFoundError)
    assert read[1] == b'\6' * 6000


def test_leaves_no_file_open_when_it_is_stopped(directory):
    before = os.listdir('/proc/self/fd')
    reading = read_images.read_images(directory, [row(str(i)) for i in range(40)])
    next(reading)
    reading.close()
    assert os.listdir('/proc/self/fd') == before


class MemoryFileSystem(FileSystem):
    """An object store with a few objects, as Beam's file systems show one."""

    OBJECTS = {
        'memory://bucket/train/n1/a.JPEG': b'aaaa',
        'memory://bucket/train/n1/b.JPEG': b'bb',
        'memory://bucket/train/flat.JPEG': b'c',
        'memory://bucket/training/other.JPEG': b'd',
    }

    @classmethod
    def scheme(cls):
        return 'memory'

    def _list(self, prefix):
        for path, content in self.OBJECTS.items():
            if path.startswith(prefix):
                yield FileMetadata(path, len(content))

    def open(self, path, mime_type=None, compression_type=CompressionTypes.AUTO):
        import io

        if path not in self.OBJECTS:
            raise FileNotFoundError(2, 'No such object', path)
        return io.BytesIO(self.OBJECTS[path])

    def has_dirs(self):
        return False

    def join(self, basepath, *paths):
        return '/'.join([basepath, *paths])

    def split(self, path):
        return tuple(path.rsplit('/', 1))

    def _unused(self, *args, **kwargs):
        raise NotImplementedError

    mkdirs = create = copy = rename = exists = size = last_updated = _unused
    checksum = metadata = delete = _unused


def test_lists_an_object_store_folder_by_folder():
    listing = files.list_folder('memory://bucket/train')
    assert (listing.folders, listing.files) == ([b'n1'], [b'flat.JPEG'])
    assert sorted(files.list_folder('memory://bucket/train/n1').files) == [
        b'a.JPEG',
        b'b.JPEG',
    ]


def test_reads_an_object_store_in_order(monkeypatch):
    monkeypatch.setattr(read_images, 'FETCH_AHEAD', 2)
    rows = [row('n1/b.JPEG'), row('gone'), row('n1/a.JPEG', 1, 2), row('flat.JPEG')]
    read = list(read_images.read_images('memory://bucket/train', rows))
    assert [r for r, _ in read] == rows
    assert [d for _, d in read if isinstance(d, bytes)] == [b'bb', b'aa', b'c']
    assert isinstance(read[1][1], OSError)
