"""Tables at URLs, from a server on loopback: fetched, kept, asked for again."""

import contextlib
import hashlib
import http.server
import threading

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset, JoinError
from indexed_imagenet.scores import downloads


class Tables:
    """A server of files in memory.

    Attributes:
      files: content by path.
      statuses: those of its answers, in order.
      etags: whether answers have one.
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.statuses: list[int] = []
        self.etags = True
        tables = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = tables.files.get(self.path.partition('?')[0])
                etag = content and f'"{hashlib.sha256(content).hexdigest()}"'
                status = 200 if content is not None else 404
                if content and self.headers.get('If-None-Match') == etag:
                    status, content = 304, b''
                tables.statuses.append(status)
                self.send_response(status)
                if etag and tables.etags:
                    self.send_header('ETag', etag)
                self.send_header('Content-Length', str(len(content or b'')))
                self.end_headers()
                self.wfile.write(content or b'')

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def tables(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    for name in ('http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'):
        monkeypatch.delenv(name, raising=False)
    server = Tables()
    yield server
    with contextlib.suppress(OSError):
        server.stop()


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


def kept(tmp_path) -> list:
    folder = tmp_path / 'cache' / 'indexed-imagenet' / 'tables'
    return sorted(path for path in folder.iterdir() if len(path.name) == 64)


@pytest.mark.parametrize('ending', ['csv', 'npz', 'parquet'])
def test_join_url_of_saved_scores_downloads_once(tables, ds, tmp_path, ending):
    path = tmp_path / f'el2n.{ending}'
    ds.save_scores(path, el2n=np.arange(51) / 2, higher_is='harder')
    for file in tmp_path.glob('el2n.*'):
        tables.files[f'/a/{file.name}'] = file.read_bytes()
    joined = ds.join(f'{tables.url}/a/{path.name}')
    np.testing.assert_array_equal(joined.values, np.arange(51) / 2)
    assert joined.higher_is == 'harder'
    assert tables.statuses == [200] * len(tables.files)  # a CSV has a file beside it


def test_join_url_again_reads_the_kept_copy_by_its_digest(tables, ds, tmp_path):
    tables.files['/t.jsonl'] = b'{"index": 4, "v": 1.5}\n'
    url = f'{tables.url}/t.jsonl'
    for _ in range(2):
        assert ds.join(url, partial=True).values[4] == 1.5
    assert tables.statuses == [200, 304]
    [copy] = kept(tmp_path)
    assert copy.name == hashlib.sha256(tables.files['/t.jsonl']).hexdigest()
    copy.write_bytes(b'{"index": 4, "v": 9.5}\n')  # damaged: downloaded again
    assert ds.join(url, partial=True).values[4] == 1.5
    assert tables.statuses == [200, 304, 200]
    tables.files['/t.jsonl'] = b'{"index": 4, "v": 2.5}\n'  # a new version
    assert ds.join(url, partial=True).values[4] == 2.5
    assert len(kept(tmp_path)) == 2


def test_join_url_without_etags_is_downloaded_each_time(tables, ds):
    tables.etags = False
    tables.files['/t.csv'] = b'index,v\n4,1.5\n'
    for _ in range(2):
        ds.join(f'{tables.url}/t.csv?raw=1', partial=True)
    assert tables.statuses == [200, 200]


def test_join_url_that_cannot_be_reached_takes_the_copy_and_warns(tables, ds):
    tables.files['/t.jsonl'] = b'{"index": 4, "v": 1.5}\n'
    url = f'{tables.url}/t.jsonl'
    ds.join(url, partial=True)
    tables.stop()
    with pytest.warns(UserWarning, match=r'so the copy with sha256 [0-9a-f]{64} is used'):
        assert ds.join(url, partial=True).values[4] == 1.5
    with pytest.raises(JoinError, match=r'other.jsonl cannot be fetched: '):
        ds.join(f'{tables.url}/other.jsonl')


def test_join_url_refusals_name_the_url(tables, ds, monkeypatch):
    with pytest.raises(JoinError, match=r'/none.csv cannot be fetched: .*404'):
        ds.join(f'{tables.url}/none.csv')
    tables.files['/t.csv'] = b'index,v\n' + b'4,1.5\n' * 1000
    monkeypatch.setattr(downloads, 'MAX_BYTES', 100)
    with pytest.raises(JoinError, match=r'/t.csv has more than 100 bytes'):
        ds.join(f'{tables.url}/t.csv')


def test_join_url_with_a_cache_that_cannot_be_written(tables, ds, tmp_path):
    (tmp_path / 'cache').write_text('a file')
    tables.files['/t.jsonl'] = b'{"index": 4, "v": 1.5}\n'
    assert ds.join(f'{tables.url}/t.jsonl', partial=True).values[4] == 1.5
