"""Object stores on loopback: an emulator of Google's, and moto's S3."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

# What clients of S3 want to have; moto takes any.
S3_ENVIRONMENT = {
    'AWS_ACCESS_KEY_ID': 'anyone',
    'AWS_SECRET_ACCESS_KEY': 'anything',
    'AWS_DEFAULT_REGION': 'us-east-1',
}

# Seconds that a server may take to answer.
_STARTS_WITHIN = 60.0


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(('localhost', 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _serving(argv: list[str], port: int) -> Iterator[str]:
    """Runs a server; gives its URL once it answers."""
    url = f'http://localhost:{port}'
    server = subprocess.Popen(
        [sys.executable, *argv],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **S3_ENVIRONMENT},
    )
    try:
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                with urllib.request.urlopen(url):
                    break
            except urllib.error.HTTPError:
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f'{argv} does not answer at {url}') from None
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def gcs_emulator(bucket: str) -> Iterator[str]:
    """Google Cloud Storage in memory, with one bucket.

    Yields:
      Its URL, for STORAGE_EMULATOR_HOST.
    """
    port = free_port()
    argv = ['-m', 'gcp_storage_emulator', 'start', '--port', str(port)]
    argv += ['--in-memory', '--quiet', '--default-bucket', bucket]
    with _serving(argv, port) as url:
        yield url


@contextlib.contextmanager
def s3_server(bucket: str) -> Iterator[str]:
    """S3 in memory, with one bucket.

    Yields:
      Its URL, for AWS_ENDPOINT_URL.
    """
    port = free_port()
    with _serving(['-m', 'moto.server', '-p', str(port)], port) as url:
        request = urllib.request.Request(f'{url}/{bucket}', method='PUT')
        with urllib.request.urlopen(request):
            pass
        yield url
