"""A folder of files to read."""

import pytest


@pytest.fixture
def directory(tmp_path):
    """Forty files, named by number: file ``i`` has ``1000 * i`` bytes of value ``i``."""
    for i in range(40):
        (tmp_path / f'{i}').write_bytes(bytes([i]) * (1000 * i))
    return str(tmp_path)
