"""Downloads published tables, and keeps them in the user's cache by their digest.

A kept copy is asked for again with its ETag, so that an unchanged table is not sent
twice; it is used only if its bytes still have their digest.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import warnings

from indexed_imagenet.errors import JoinError
from indexed_imagenet.text import error_text

# The published tables are below 100 MB; one of ten columns of the training set is 1 GB.
MAX_BYTES = 2 << 30

_TIMEOUT = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Download:
    """A table that was downloaded.

    Attributes:
      url: where it is.
      content: its bytes.
    """

    url: str
    content: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class _Copy:
    """A copy in the cache.

    Attributes:
      content: its bytes.
      digest: their sha256.
      headers: of a request that asks whether it is still right.
    """

    content: bytes
    digest: str
    headers: dict[str, str]


def is_url(path: str) -> bool:
    """Returns whether a path is downloaded, and not read from a disk or store."""
    return path.startswith(('http://', 'https://'))


def fetch(url: str) -> Download:
    """Downloads a table, unless the kept copy is still right.

    If the server cannot be reached, the kept copy is used, with a warning.

    Raises:
      JoinError: it cannot be downloaded, or has more than ``MAX_BYTES``.
    """
    import requests

    kept = _kept(url)
    headers = kept.headers if kept else {}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            if kept and answer.status_code == requests.codes.not_modified:
                return Download(url, kept.content)
            content = bytearray()
            for part in answer.iter_content(1 << 20):
                content += part
                if len(content) > MAX_BYTES:
                    raise JoinError(f'{url} has more than {MAX_BYTES:,} bytes')
            validators = {
                'If-None-Match': answer.headers.get('ETag'),
                'If-Modified-Since': answer.headers.get('Last-Modified'),
            }
    except requests.RequestException as error:
        if kept and not isinstance(error, requests.HTTPError):
            warnings.warn(
                f'{url} cannot be fetched, so the copy with sha256 {kept.digest} is '
                f'used: {error_text(error)}',
                stacklevel=2,
            )
            return Download(url, kept.content)
        raise JoinError(f'{url} cannot be fetched: {error_text(error)}') from error
    download = Download(url, bytes(content))
    _keep(download, {key: text for key, text in validators.items() if text})
    return download


def _folder() -> pathlib.Path:
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return pathlib.Path(home) / 'indexed-imagenet' / 'tables'


def _note_path(url: str) -> pathlib.Path:
    return _folder() / f'{hashlib.sha256(url.encode()).hexdigest()[:32]}.json'


def _kept(url: str) -> _Copy | None:
    """Returns the copy of a URL; None if there is none, or it is damaged."""
    try:
        note = json.loads(_note_path(url).read_text())
        digest, headers = note['sha256'], note['headers']
        content = (_folder() / digest).read_bytes()
        if note['url'] != url or hashlib.sha256(content).hexdigest() != digest:
            return None
        return _Copy(content, digest, {str(k): str(v) for k, v in headers.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _keep(download: Download, headers: dict[str, str]) -> None:
    digest = hashlib.sha256(download.content).hexdigest()
    note = {'url': download.url, 'sha256': digest, 'headers': headers}
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        (_folder() / digest).write_bytes(download.content)
        _note_path(download.url).write_text(json.dumps(note))
    except OSError:  # a cache is no more than a convenience
        pass
