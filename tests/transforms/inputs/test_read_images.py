import itertools
import os

import numpy as np
import pytest
from apache_beam.io.filesystem import CompressionTypes, FileMetadata, FileSystem

from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.inputs import read_images
from indexed_imagenet.transforms.rows import WHOLE, Row
from indexed_imagenet.transforms.storage import retry


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


@pytest.fixture
def pauses(monkeypatch):
    """Pauses are noted instead of waited for."""
    noted = []
    monkeypatch.setattr(retry.tenacity.nap.time, 'sleep', noted.append)
    return noted


@pytest.mark.parametrize('change', [b'more', None])
def test_a_file_that_changes_while_it_is_read_is_read_again(
    directory, monkeypatch, pauses, change
):
    path = os.path.join(directory, '6')
    pread, turns = os.pread, itertools.count()

    def change_and_read(fd, length, offset):
        if next(turns) == 0:
            if change:
                with open(path, 'ab') as file:
                    file.write(change)
            else:
                os.truncate(path, 500)
        return pread(fd, length, offset)

    monkeypatch.setattr(os, 'pread', change_and_read)
    [(_, data)] = read_images.read_images(directory, [row('6')])
    assert data == (b'\6' * 6000 + change if change else b'\6' * 500)
    assert pauses == [0.2]


def test_a_file_that_never_stops_growing_is_an_error(directory, monkeypatch, pauses):
    pread = os.pread

    def grow_and_read(fd, length, offset):
        with open(os.path.join(directory, '6'), 'ab') as file:
            file.write(b'.')
        return pread(fd, length, offset)

    monkeypatch.setattr(os, 'pread', grow_and_read)
    [(_, error)] = read_images.read_images(directory, [row('6')])
    assert error_text(error) == 'it grew beyond 6,003 bytes while it was read'
    assert pauses == [0.2, 1, 4]


def test_a_file_that_shrinks_each_time_is_an_error(directory, monkeypatch, pauses):
    pread = os.pread

    def shrink_and_read(fd, length, offset):
        if not offset:
            os.truncate(fd_path(fd), os.fstat(fd).st_size - 1000)
        return pread(fd, length, offset)

    def fd_path(fd):
        return os.readlink(f'/proc/self/fd/{fd}')

    monkeypatch.setattr(os, 'pread', shrink_and_read)
    [(_, error)] = read_images.read_images(directory, [row('6')])
    reason = 'it shrank from 3,000 to 2,000 bytes while it was read'
    assert error_text(error) == reason


def test_a_read_in_small_pieces_is_put_together(directory, monkeypatch, pauses):
    pread = os.pread
    monkeypatch.setattr(os, 'pread', lambda fd, n, at: pread(fd, min(n, 700), at))
    rows = [row('6'), row('7', 10, 1401), row('7', 6500, 1000)]
    images = [image for _, image in read_images.read_images(directory, rows)]
    assert images == [b'\6' * 6000, b'\7' * 1401, b'\7' * 500]
    assert not pauses


def test_a_file_beyond_the_bound_is_not_read(directory, monkeypatch, pauses):
    with open(os.path.join(directory, 'huge'), 'wb') as file:
        file.truncate(read_images.MAX_FILE_BYTES + 1)
    monkeypatch.setattr(os, 'pread', None)
    rows = [row('huge'), row('huge', 0, read_images.MAX_FILE_BYTES + 1)]
    for _, error in read_images.read_images(directory, rows):
        reason = '268,435,457 bytes (expected at most 268,435,456)'
        assert error_text(error) == reason
    assert not pauses


def test_a_file_at_the_bound_is_read(directory, monkeypatch):
    monkeypatch.setattr(read_images, 'MAX_FILE_BYTES', 6000)
    read = [
        image for _, image in read_images.read_images(directory, [row('6'), row('7')])
    ]
    assert read[0] == b'\6' * 6000
    assert isinstance(read[1], OSError)


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
    listing = storage.list_folder('memory://bucket/train')
    assert (listing.folders, listing.files) == ([b'n1'], [b'flat.JPEG'])
    assert sorted(storage.list_folder('memory://bucket/train/n1').files) == [
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


def test_no_more_of_an_object_is_read_than_an_image_may_have(monkeypatch, pauses):
    monkeypatch.setattr(read_images, 'MAX_FILE_BYTES', 3)
    rows = [row('n1/a.JPEG'), row('n1/b.JPEG'), row('n1/a.JPEG', 1, 3)]
    images = [d for _, d in read_images.read_images('memory://bucket/train', rows)]
    assert error_text(images[0]) == 'more than 3 bytes (expected at most that)'
    assert images[1:] == [b'bb', b'aaa']
    assert not pauses
