import gc

import pytest

from indexed_imagenet.transforms.storage import store_uploads
from indexed_imagenet.transforms.storage.store_uploads import Upload

PART = store_uploads._PART


class Sender:
    """Notes what it is told; refuses what it is to refuse."""

    refuses: str | None = None

    def __init__(self, url):
        self.told = []
        made.append(self)

    def _take(self, what, *more):
        self.told.append((what, *more))
        if what == self.refuses:
            raise ValueError('refused')

    def send(self, part):
        self._take('send', len(part))

    def finish(self, rest):
        self._take('finish', len(rest))

    def abort(self):
        self._take('abort')


made: list[Sender] = []


@pytest.fixture(autouse=True)
def sender(monkeypatch):
    made.clear()
    monkeypatch.setattr(store_uploads, '_SENDERS', {'some': Sender})
    return Sender


def test_parts_are_of_one_size_however_it_is_written():
    with Upload('some://x') as file:
        for length in (1, PART - 2, 2, 2 * PART, 0, 5):
            assert file.write(bytes(length)) == length
    assert made[0].told == [('send', PART)] * 3 + [('finish', 6)]


@pytest.mark.parametrize('refuses', ['send', 'finish'])
def test_what_was_refused_is_given_up_and_not_sent_again(monkeypatch, refuses):
    monkeypatch.setattr(Sender, 'refuses', refuses)
    with pytest.raises(OSError, match='refused'), Upload('some://x') as file:
        file.write(bytes(PART))
    told = list(made[0].told)
    assert [what for what, *_ in told].count('abort') == 1
    file.close()
    del file
    gc.collect()
    assert made[0].told == told


def test_that_it_cannot_be_given_up_is_no_error(monkeypatch):
    monkeypatch.setattr(Sender, 'refuses', 'abort')
    Upload('some://x').abort()
    assert made[0].told == [('abort',)]


@pytest.mark.filterwarnings('error')
def test_one_that_cannot_be_opened_leaves_nothing(monkeypatch):
    def refuse(url):
        raise ValueError(f'{url} is refused')

    monkeypatch.setattr(store_uploads, '_SENDERS', {'some': refuse})
    with pytest.raises(OSError, match='some://x is refused'):
        Upload('some://x')
    gc.collect()
