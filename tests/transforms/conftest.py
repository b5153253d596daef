"""Pauses that take no time."""

import pytest

from indexed_imagenet.transforms.storage import retry


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between attempts, seconds; none is waited for."""
    paused = []
    monkeypatch.setattr(retry.tenacity.nap.time, 'sleep', paused.append)
    return paused
