"""``build``: from flags to a finished job and its outcome."""

import errno
import functools
import os
import time
from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.runners.runner import PipelineResult, PipelineState
from rich.console import Console

from indexed_imagenet.build import build_graph
from indexed_imagenet.console import open_stderr, silence_stderr
from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions, parse_options
from indexed_imagenet.output.open_output import open_output
from indexed_imagenet.preflight.access import check_access
from indexed_imagenet.preflight.build_inputs import prepare_job
from indexed_imagenet.report.progress import ProgressWatcher
from indexed_imagenet.report.summary import print_summary
from indexed_imagenet.runners.dataflow.job import (
    explain_failure,
    print_submitted,
)
from indexed_imagenet.runners.select import RunnerHandle, open_runner
from indexed_imagenet.signals import Interrupt, stopping_signal, until_second_ctrl_c
from indexed_imagenet.text import printable
from indexed_imagenet.transforms.write_tfrecord import CANNOT_BE_WRITTEN

# Flags of what workers read and write themselves; the label files they never see.
_WORKERS_SEE = (
    'train_directory',
    'validation_directory',
    'imagenet_index_file',
    'output_directory',
)

# What helps against a refusal to write, by what its text has; the first one counts.
_REMEDIES = {
    os.strerror(errno.ENOSPC): 'make room where --output_directory is',
    os.strerror(errno.EDQUOT): (
        'have the quota raised, or make room where --output_directory is'
    ),
    os.strerror(errno.EROFS): 'make --output_directory writable again',
    os.strerror(errno.EACCES): 'make --output_directory writable again',
    CANNOT_BE_WRITTEN: 'see to where --output_directory is, and to the way there',
}

# Seconds that a cancelled job gets to end.
_CANCEL_WITHIN = 300


def run_job(
    add_steps: Callable[[beam.Pipeline], None],
    options: BuildOptions,
    chosen: RunnerHandle,
    interrupt: Interrupt,
    console: Console | None = None,
) -> None:
    """Runs a job to its end.

    Args:
      add_steps: makes the graph.
      options: the pipeline's.
      chosen: from ``open_runner``.
      interrupt: says so if the job was stopped from outside.
      console: is told of a job that runs elsewhere.

    Raises:
      UserError: the job cannot be started (exit status 2) or failed (1); the
        message says of what.
      KeyboardInterrupt: Ctrl-C.
    """
    try:
        pipeline = beam.Pipeline(runner=chosen.runner, options=options)
        add_steps(pipeline)
    except Exception as error:  # whatever a runner raises, the user gets one line
        raise _job_error('the job cannot be started', error, 2) from error
    result = None
    try:
        with silence_stderr(unless=options.verbose):
            result = pipeline.run()
            print_submitted(result, options, console)
            state = result.wait_until_finish()
    except (Exception, KeyboardInterrupt) as error:
        stopped = stopping_signal()
        if chosen.end_job:
            chosen.end_job()
        elif stopped or interrupt.reason:
            _cancel(result, console)
        if stopped:
            raise stopped from error
        if interrupt.reason:
            raise UserError(interrupt.reason, exit_status=1) from error
        explained = explain_failure(result, options, _last_line(error))
        raise explained or _job_error('the job failed', error, 1) from error
    if state != PipelineState.DONE:
        raise UserError(
            f"the job ended as {state}, expected DONE; see the runner's own log",
            exit_status=1,
        )


def _cancel(result: PipelineResult | None, console: Console | None) -> None:
    """Cancels a job that goes on elsewhere without its launcher, and sees it end.

    Raises:
      UserError: it cannot be cancelled.
    """
    if result is None:  # a local one ends with the launcher
        return
    if console:
        console.print('cancelling the job; another Ctrl-C does not wait for its end')
    hindrance: BaseException | None = KeyboardInterrupt('Ctrl-C came again')
    try:
        with until_second_ctrl_c():
            result.cancel()
            hindrance = None
            # Its workers may write until it has ended, and the directory is let go then.
            for _ in range(_CANCEL_WITHIN):
                if PipelineState.is_terminal(result.state):
                    break
                time.sleep(1)
    except Exception as error:
        hindrance = error
    if hindrance:
        raise UserError(
            f'stopped, but the job cannot be cancelled: {_last_line(hindrance)}; it may '
            'go on where it runs: cancel it there',
            exit_status=1,
        ) from hindrance


def _last_line(error: BaseException) -> str:
    """What an error says: runners hand on a worker's whole stack trace as text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[-1]) if lines else type(error).__name__


def _job_error(what: str, error: Exception, exit_status: int) -> UserError:
    line = _last_line(error)
    remedy = '--verbose shows the whole of it'
    for text, cure in _REMEDIES.items():
        if text in line:
            remedy = f'{cure}, and give the same command again: what is finished is kept'
            break
    return UserError(f'{what}: {line}; {remedy}', exit_status)


def run(argv: Sequence[str]) -> None:
    """Builds what the flags say, and tells how it went.

    Raises:
      UserError: something is wrong with flags or input, or the job failed.
    """
    options = parse_options(argv)
    FileSystems.set_options(options)
    paths = {f'--{flag}': getattr(options, flag) for flag in _WORKERS_SEE}
    check_access(options, paths, options.output_directory or '')
    job = prepare_job(options)
    err = Console(file=open_stderr())
    interrupt = Interrupt()
    with (
        open_runner(options, argv, interrupt, job.output_directory) as chosen,
        open_output(job.output_directory, interrupt),
    ):
        with ProgressWatcher(job.output_directory, err):
            add_steps = functools.partial(build_graph, job=job)
            run_job(add_steps, options, chosen, interrupt, err)
        print_summary(job, Console(), err)
