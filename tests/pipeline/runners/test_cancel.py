"""How a job that runs elsewhere is cancelled."""

import os
import signal

import pytest
from apache_beam.runners.runner import PipelineState

from indexed_imagenet.cli import build
from indexed_imagenet.errors import UserError


class Result:
    """A job that is in one state after the other."""

    def __init__(self, *states):
        self.states = list(states)

    def cancel(self):
        pass

    @property
    def state(self):
        state = self.states.pop(0)
        return state() if callable(state) else state


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)
    return PipelineState.CANCELLING


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(build.time, 'sleep', lambda seconds: None)


@pytest.fixture
def after_ctrl_c():
    """Signals as they are once the first one has come."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def test_its_end_is_waited_for():
    result = Result(PipelineState.RUNNING, 'CANCELLING', PipelineState.CANCELLED, 'more')
    build._cancel(result, None)
    assert result.states == ['more']


def test_another_ctrl_c_does_not_wait(after_ctrl_c):
    result = Result('CANCELLING', press_ctrl_c, 'more')
    build._cancel(result, None)
    assert result.states == ['more']
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_what_never_ends_is_left(monkeypatch):
    monkeypatch.setattr(build, '_CANCEL_WITHIN', 3)
    result = Result(*['CANCELLING'] * 5)
    build._cancel(result, None)
    assert len(result.states) == 2


def test_what_was_not_cancelled_is_said(after_ctrl_c, monkeypatch):
    result = Result()
    monkeypatch.setattr(result, 'cancel', press_ctrl_c, raising=False)
    with pytest.raises(UserError, match='Ctrl-C came again; it may go on where it runs'):
        build._cancel(result, None)


def test_what_cannot_be_cancelled_is_said(monkeypatch):
    def refuse():
        raise RuntimeError('first line\n403: not allowed')

    result = Result()
    monkeypatch.setattr(result, 'cancel', refuse)
    with pytest.raises(UserError, match='cannot be cancelled: 403: not allowed; it may'):
        build._cancel(result, None)


def test_a_job_of_this_process_needs_no_cancelling():
    build._cancel(None, None)
