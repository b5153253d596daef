"""Data sets to show, and pairs of their examples."""

import pathlib

import numpy as np
import pytest

from support.data_sets import absent, built, incomplete, names  # noqa: F401  # fixtures


@pytest.fixture(scope='session')
def pairs(tmp_path_factory) -> pathlib.Path:
    """Pairs of the golden tree: training example 5 has two, 9 one."""
    path = tmp_path_factory.mktemp('pairs') / 'pairs.npz'
    np.savez(
        path,
        tr_idx=np.array([9, 5, 5]),
        tt_idx=np.array([3, 7, 8]),
        infl=np.array([0.25, 0.5, 0.75]),
        mem=np.array([0.4, 0.9, 0.9]),
    )
    return path
