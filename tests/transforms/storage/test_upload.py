import gc

import pytest

from indexed_imagenet.transforms.storage import gcs, s3
from indexed_imagenet.transforms.storage.upload import PART_BYTES, Upload, UploadWriter


class FakeUpload(Upload):
    """Records its calls; refuses those of one name."""

    def __init__(self, refuses=None):
        self.calls = []
        self._refuses = refuses

    def _take(self, name, *arguments):
        self.calls.append((name, *arguments))
        if name == self._refuses:
            raise ValueError('refused')

    def send(self, part):
        self._take('send', len(part))

    def finish(self, rest):
        self._take('finish', len(rest))

    def abort(self):
        self._take('abort')


def test_write_any_sizes_sends_parts_of_one_size():
    upload = FakeUpload()
    with UploadWriter(upload) as file:
        for length in (1, PART_BYTES - 2, 2, 2 * PART_BYTES, 0, 5):
            assert file.write(bytes(length)) == length
    assert upload.calls == [('send', PART_BYTES)] * 3 + [('finish', 6)]


@pytest.mark.parametrize('refuses', ['send', 'finish'])
def test_write_refused_aborts_once_and_sends_nothing_again(refuses):
    upload = FakeUpload(refuses)
    with pytest.raises(OSError, match='refused'), UploadWriter(upload) as file:
        file.write(bytes(PART_BYTES))
    calls = list(upload.calls)
    assert [name for name, *_ in calls].count('abort') == 1
    file.close()
    del file
    gc.collect()
    assert upload.calls == calls


def test_abort_refused_is_not_an_error():
    upload = FakeUpload('abort')
    UploadWriter(upload).abort()
    assert upload.calls == [('abort',)]


def test_writer_that_nothing_refers_to_aborts():
    upload = FakeUpload()
    writer = UploadWriter(upload)
    writer.write(b'x')
    del writer
    gc.collect()
    assert upload.calls == [('abort',)]


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(
    ('module', 'upload', 'storage'),
    [(gcs, '_GcsUpload', gcs.GcsStorage), (s3, '_S3Upload', s3.S3Storage)],
)
def test_create_refused_leaves_nothing(monkeypatch, module, upload, storage):
    def refuse(url):
        raise ValueError(f'{url} is refused')

    monkeypatch.setattr(module, upload, refuse)
    with pytest.raises(OSError, match='some://x is refused'):
        storage().create('some://x')
    gc.collect()
