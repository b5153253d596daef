"""The golden tree, built locally, to compare what engines make of it."""

import pytest

from support.commands import ROOT, Ended, build_command, digests, python_m, run_elsewhere


@pytest.fixture(scope='session')
def local(golden, tmp_path_factory) -> dict[str, str]:
    """The digests of what the local runner makes of the golden tree."""
    output = tmp_path_factory.mktemp('local') / 'out'
    ended = run_elsewhere(python_m(*build_command(golden, output)), ROOT)
    assert ended.status == 0, ended.err
    return digests(output)


@pytest.fixture
def run_there(tmp_path):
    """Runs a command in a process of its own, with a flag each for its engine."""

    def run(command, *flags) -> Ended:
        return run_elsewhere(python_m(*command, *flags), ROOT)

    return run
