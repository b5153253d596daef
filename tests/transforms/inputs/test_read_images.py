import itertools
import os

import numpy as np
import pytest

from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.inputs import read_images
from indexed_imagenet.transforms.rows import WHOLE, Row
from support import fake_store


def row(source, offset=0, length=WHOLE):
    return Row(0, 0, offset, length, source.encode(), b'')


@pytest.mark.parametrize('ahead', [0, 3, 100])
def test_read_images_yields_in_order_of_rows(directory, monkeypatch, ahead):
    monkeypatch.setattr(read_images, 'OPEN_AHEAD', ahead)
    order = np.random.RandomState(0).permutation(40)
    rows = [row(str(i)) for i in order]
    read = list(read_images.read_images(directory, rows))
    assert [r for r, _ in read] == rows
    assert [data for _, data in read] == [bytes([i]) * (1000 * i) for i in order]


def test_read_images_offset_and_length_read_part(directory):
    rows = [row('7', 6990, 10), row('7', 6990, 30)]
    [(_, data), (_, error)] = read_images.read_images(directory, rows)
    assert data == b'\7' * 10
    assert error_text(error) == 'the archive ends after 10 of its 30 bytes'


def test_read_images_missing_file_yields_error_and_continues(directory):
    os.unlink(os.path.join(directory, '5'))
    read = [data for _, data in read_images.read_images(directory, [row('5'), row('6')])]
    assert isinstance(read[0], FileNotFoundError)
    assert read[1] == b'\6' * 6000


def test_read_images_closed_early_leaves_no_file_open(directory):
    before = os.listdir('/proc/self/fd')
    reading = read_images.read_images(directory, [row(str(i)) for i in range(40)])
    next(reading)
    reading.close()
    assert os.listdir('/proc/self/fd') == before


@pytest.mark.parametrize('change', [b'more', None])
def test_read_images_file_that_changes_once_is_read_again(
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


def test_read_images_file_that_keeps_growing_yields_error(directory, monkeypatch, pauses):
    pread = os.pread

    def grow_and_read(fd, length, offset):
        with open(os.path.join(directory, '6'), 'ab') as file:
            file.write(b'.')
        return pread(fd, length, offset)

    monkeypatch.setattr(os, 'pread', grow_and_read)
    [(_, error)] = read_images.read_images(directory, [row('6')])
    assert error_text(error) == 'it grew beyond 6,003 bytes while it was read'
    assert pauses == [0.2, 1, 4]


def test_read_images_file_that_keeps_shrinking_yields_error(
    directory, monkeypatch, pauses
):
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


def test_read_images_short_reads_are_joined(directory, monkeypatch, pauses):
    pread = os.pread
    monkeypatch.setattr(os, 'pread', lambda fd, n, at: pread(fd, min(n, 700), at))
    rows = [row('6'), row('7', 10, 1401), row('7', 6500, 500)]
    images = [image for _, image in read_images.read_images(directory, rows)]
    assert images == [b'\6' * 6000, b'\7' * 1401, b'\7' * 500]
    assert not pauses


def test_read_images_file_above_size_limit_yields_error_unread(
    directory, monkeypatch, pauses
):
    with open(os.path.join(directory, 'huge'), 'wb') as file:
        file.truncate(read_images.MAX_FILE_BYTES + 1)
    monkeypatch.setattr(os, 'pread', None)
    rows = [row('huge'), row('huge', 0, read_images.MAX_FILE_BYTES + 1)]
    for _, error in read_images.read_images(directory, rows):
        reason = '268,435,457 bytes (expected at most 268,435,456)'
        assert error_text(error) == reason
    assert not pauses


def test_read_images_file_at_size_limit_is_read(directory, monkeypatch):
    monkeypatch.setattr(read_images, 'MAX_FILE_BYTES', 6000)
    read = [
        image for _, image in read_images.read_images(directory, [row('6'), row('7')])
    ]
    assert read[0] == b'\6' * 6000
    assert isinstance(read[1], OSError)


@pytest.fixture
def store(monkeypatch):
    """An object store with four images, three of them in ``train/``."""
    objects = {
        'store://bucket/train/n1/a.JPEG': b'aaaa',
        'store://bucket/train/n1/b.JPEG': b'bb',
        'store://bucket/train/flat.JPEG': b'c',
        'store://bucket/training/other.JPEG': b'd',
    }
    monkeypatch.setattr(fake_store.StoreFileSystem, 'objects', objects)


def test_read_images_object_store_yields_in_order_of_rows(store, monkeypatch):
    monkeypatch.setattr(read_images, 'FETCH_AHEAD', 2)
    rows = [row('n1/b.JPEG'), row('gone'), row('n1/a.JPEG', 1, 2), row('flat.JPEG')]
    read = list(read_images.read_images('store://bucket/train', rows))
    assert [r for r, _ in read] == rows
    assert [d for _, d in read if isinstance(d, bytes)] == [b'bb', b'aa', b'c']
    assert isinstance(read[1][1], OSError)


def test_read_images_object_above_size_limit_yields_error(store, monkeypatch, pauses):
    monkeypatch.setattr(read_images, 'MAX_FILE_BYTES', 3)
    rows = [row('n1/a.JPEG'), row('n1/b.JPEG'), row('n1/a.JPEG', 1, 3)]
    images = [d for _, d in read_images.read_images('store://bucket/train', rows)]
    assert error_text(images[0]) == 'more than 3 bytes (expected at most that)'
    assert images[1:] == [b'bb', b'aaa']
    assert not pauses
