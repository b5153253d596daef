"""A folder of files to read, and pauses that take no time."""

import pytest

from indexed_imagenet.transforms.storage import retry


@pytest.fixture
def directory(tmp_path):
    """Forty files, named by number: file ``i`` has ``1000 * i`` bytes of value ``i``."""
    for i in range(40):
        (tmp_path / f'{i}').write_bytes(bytes([i]) * (1000 * i))
    return str(tmp_path)


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between attempts, seconds; none is waited for."""
    paused = []
    monkeypatch.setattr(retry.tenacity.nap.time, 'sleep', paused.append)
    return paused
