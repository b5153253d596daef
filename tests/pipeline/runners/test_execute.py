"""How a job that runs elsewhere is cancelled, and how its errors read."""

import os
import signal

import pytest
from apache_beam.runners.runner import PipelineState

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import parse_options
from indexed_imagenet.runners import execute
from indexed_imagenet.runners.select import RunnerHandle
from indexed_imagenet.signals import Interrupt


class Result:
    """A job that goes through a list of states."""

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
def no_sleep(monkeypatch):
    monkeypatch.setattr(execute.time, 'sleep', lambda seconds: None)


@pytest.fixture
def after_ctrl_c():
    """The signal handlers as they are after a first signal."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def test_cancel_running_job_waits_for_its_end():
    result = Result(PipelineState.RUNNING, 'CANCELLING', PipelineState.CANCELLED, 'more')
    execute._cancel(result, None)
    assert result.states == ['more']


def test_cancel_second_ctrl_c_stops_waiting(after_ctrl_c):
    result = Result('CANCELLING', press_ctrl_c, 'more')
    execute._cancel(result, None)
    assert result.states == ['more']
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_cancel_job_that_never_ends_stops_waiting(monkeypatch):
    monkeypatch.setattr(execute, '_CANCEL_TIMEOUT', 3)
    result = Result(*['CANCELLING'] * 5)
    execute._cancel(result, None)
    assert len(result.states) == 2


def test_cancel_second_ctrl_c_before_the_order_is_an_error(after_ctrl_c, monkeypatch):
    result = Result()
    monkeypatch.setattr(result, 'cancel', press_ctrl_c, raising=False)
    with pytest.raises(UserError, match='second Ctrl-C; it may still be running'):
        execute._cancel(result, None)


def test_cancel_refused_gives_the_last_line(monkeypatch):
    def refuse():
        raise RuntimeError('first line\n403: not allowed')

    result = Result()
    monkeypatch.setattr(result, 'cancel', refuse)
    with pytest.raises(
        UserError, match='could not cancel the job: 403: not allowed; it may'
    ):
        execute._cancel(result, None)


def test_cancel_local_job_does_nothing():
    execute._cancel(None, None)


def failed_start(text: str) -> UserError:
    def add_steps(pipeline):
        raise OSError(text)

    with pytest.raises(UserError) as raised:
        execute.run_job(add_steps, parse_options([]), RunnerHandle(), Interrupt())
    return raised.value


@pytest.mark.parametrize('text', list(execute.REMEDIES))
def test_run_job_known_error_gives_the_remedy(text):
    error = failed_start(f'Traceback:\n  more\nOSError: {text}\n')
    assert error.exit_status == 2
    assert str(error) == (
        f'the job cannot be started: OSError: {text}; {execute.REMEDIES[text]}, then run '
        'the same command again: finished shards are kept'
    )


@pytest.mark.parametrize(
    ('text', 'line'), [('first\nlast\tline\n \n', r'last\tline'), ('', 'OSError')]
)
def test_run_job_unknown_error_gives_its_last_line(text, line):
    assert str(failed_start(text)) == (
        f'the job cannot be started: {line}; --verbose shows the full error'
    )
