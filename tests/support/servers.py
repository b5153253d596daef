"""Object stores on loopback: an emulator of Cloud Storage, and moto's S3."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

# Clients of S3 need these; moto accepts any.
S3_ENVIRONMENT = {
    'AWS_ACCESS_KEY_ID': 'anyone',
    'AWS_SECRET_ACCESS_KEY': 'anything',
    'AWS_DEFAULT_REGION': 'us-east-1',
}

# Seconds that a server may take to answer.
_START_TIMEOUT = 60.0


def free_port() -> int:
    """Returns a port that is not in use."""
    with socket.socket() as probe:
        probe.bind(('localhost', 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _run_server(argv: list[str], port: int) -> Iterator[str]:
    """Runs a server; yields its URL once it answers."""
    url = f'http://localhost:{port}'
    server = subprocess.Popen(
        [sys.executable, *argv],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **S3_ENVIRONMENT},
    )
    try:
        deadline = time.monotonic() + _START_TIMEOUT
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
    """Runs Google Cloud Storage in memory, with one bucket.

    Yields:
      Its URL, for STORAGE_EMULATOR_HOST.
    """
    port = free_port()
    argv = ['-m', 'gcp_storage_emulator', 'start', '--port', str(port)]
    argv += ['--in-memory', '--quiet', '--default-bucket', bucket]
    with _run_server(argv, port) as url:
        yield url


@contextlib.contextmanager
def s3_server(bucket: str) -> Iterator[str]:
    """Runs S3 in memory, with one bucket.

    Yields:
      Its URL, for AWS_ENDPOINT_URL.
    """
    port = free_port()
    with _run_server(['-m', 'moto.server', '-p', str(port)], port) as url:
        request = urllib.request.Request(f'{url}/{bucket}', method='PUT')
        with urllib.request.urlopen(request):
            pass
        yield url
