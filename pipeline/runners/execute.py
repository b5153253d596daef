"""Runs a job to its end on any runner, and turns whatever goes wrong into one line."""

import errno
import os
import time
from collections.abc import Callable

import apache_beam as beam
from apache_beam.runners.runner import PipelineResult, PipelineState
from rich.console import Console

from indexed_imagenet.console import silence_stderr
from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.runners.dataflow.job import explain_failure, print_submitted
from indexed_imagenet.runners.messages import last_line
from indexed_imagenet.runners.select import RunnerHandle
from indexed_imagenet.signals import Interrupt, stopping_signal, until_second_ctrl_c
from indexed_imagenet.transforms.write_tfrecord import CANNOT_BE_WRITTEN

# Remedies for failed writes, by a text that the error contains; the first match counts.
REMEDIES = {
    os.strerror(errno.ENOSPC): 'free space in --output_directory',
    os.strerror(errno.EDQUOT): 'free space in --output_directory or raise the quota',
    os.strerror(errno.EROFS): 'make --output_directory writable',
    os.strerror(errno.EACCES): 'make --output_directory writable',
    CANNOT_BE_WRITTEN: 'check --output_directory and the network',
}

# Seconds to wait for a cancelled job to end.
_CANCEL_TIMEOUT = 300


def run_job(
    add_steps: Callable[[beam.Pipeline], None],
    options: BuildOptions,
    handle: RunnerHandle,
    interrupt: Interrupt,
    console: Console | None = None,
) -> None:
    """Runs a job and waits for its end.

    Args:
      add_steps: adds the steps of the graph to a pipeline.
      options: the pipeline's options.
      handle: the runner, from ``open_runner``.
      interrupt: holds the reason if a watching thread stopped the job.
      console: prints the address of a job that runs elsewhere.

    Raises:
      UserError: the job cannot be started (exit status 2) or failed (1).
      KeyboardInterrupt: a signal such as Ctrl-C stopped the job.
    """
    try:
        pipeline = beam.Pipeline(runner=handle.runner, options=options)
        add_steps(pipeline)
    except Exception as error:  # runners raise anything; the user gets one line
        raise _job_error('the job cannot be started', error, 2) from error
    result = None
    try:
        with silence_stderr(unless=options.verbose):
            result = pipeline.run()
            print_submitted(result, options, console)
            state = result.wait_until_finish()
    except (Exception, KeyboardInterrupt) as error:
        stopped = stopping_signal()
        if handle.end_job:
            handle.end_job()
        elif stopped or interrupt.reason:
            _cancel(result, console)
        if stopped:
            raise stopped from error
        if interrupt.reason:
            raise UserError(interrupt.reason, exit_status=1) from error
        explained = explain_failure(result, options, _error_line(error))
        raise explained or _job_error('the job failed', error, 1) from error
    if state != PipelineState.DONE:
        raise UserError(
            f"the job ended as {state} (expected DONE); see the runner's log",
            exit_status=1,
        )


def _cancel(result: PipelineResult | None, console: Console | None) -> None:
    """Cancels a job that would outlive its launcher, and waits for its end.

    Args:
      result: the job; None for a local one, which ends with the launcher.
      console: prints what is being waited for.

    Raises:
      UserError: the job cannot be cancelled.
    """
    if result is None:
        return
    if console:
        console.print('cancelling the job; press Ctrl-C again to stop waiting')
    failure: BaseException | None = KeyboardInterrupt('interrupted by a second Ctrl-C')
    try:
        with until_second_ctrl_c():
            result.cancel()
            failure = None
            # The lock on the output directory is released after this. Until the job
            # has ended, its workers may still write there.
            for _ in range(_CANCEL_TIMEOUT):
                if PipelineState.is_terminal(result.state):
                    break
                time.sleep(1)
    except Exception as error:
        failure = error
    if failure:
        raise UserError(
            f'stopped, but could not cancel the job: {_error_line(failure)}; it may '
            'still be running: cancel it on the cluster',
            exit_status=1,
        ) from failure


def _error_line(error: BaseException) -> str:
    return last_line(str(error)) or type(error).__name__


def _job_error(what: str, error: BaseException, exit_status: int) -> UserError:
    line = _error_line(error)
    for text, remedy in REMEDIES.items():
        if text in line:
            return UserError(
                f'{what}: {line}; {remedy}, then run the same command again: finished '
                'shards are kept',
                exit_status,
            )
    return UserError(f'{what}: {line}; --verbose shows the full error', exit_status)
