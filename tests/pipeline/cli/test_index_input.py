"""Index files that people have, given to the build command."""

import numpy as np
import pytest

from support.commands import build_command, refusal


@pytest.fixture
def refused(golden, tmp_path):
    """The line by which a build with a changed index is refused."""

    def check(**changes) -> str:
        with np.load(golden / 'imagenet_index.npz') as arrays:
            np.savez(tmp_path / 'index.npz', **{**arrays, **changes})
        command = build_command(golden, tmp_path / 'out')
        line = refusal(*command[1:], f'--imagenet_index_file={tmp_path}/index.npz')
        assert not (tmp_path / 'out').exists()
        return line

    return check


def test_build_scores_of_another_length_are_refused_before_the_start(refused):
    line = refused(tr_mem=np.zeros(2))
    assert 'has 2 tr_mem but ' in line
    assert line.endswith(
        'give the published imagenet_index.npz with --imagenet_index_file'
    )


def test_build_scores_that_are_not_floats_are_refused_before_the_start(refused):
    assert "'tr_mem': it has dtype <U1" in refused(tr_mem=np.array(['a', 'b']))


def test_build_names_that_differ_by_folder_only_are_refused_before_the_start(refused):
    line = refused(tr_filenames=['a/x.JPEG', 'b/x.JPEG'], tr_labels=[0, 0])
    assert "with the same last part, first 'a/x.JPEG' and 'b/x.JPEG'" in line
