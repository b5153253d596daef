"""A submitted job on Dataflow: where to see it, and why it failed."""

import sys

from apache_beam.options.pipeline_options import SetupOptions
from apache_beam.runners.runner import PipelineResult, PipelineState
from rich.console import Console

from indexed_imagenet.console import print_line
from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.runners.dataflow.access import job_url
from indexed_imagenet.runners.messages import RESUME
from indexed_imagenet.runners.select import runner_name
from indexed_imagenet.text import error_text


def print_submitted(
    result: PipelineResult, options: BuildOptions, console: Console | None
) -> None:
    """Prints the address of a job on Dataflow; nothing for another runner."""
    if console and runner_name(options) == 'dataflow':
        line = f'Dataflow accepted the job: {job_url(options, result.job_id())}'
        print_line(console, line)


def explain_failure(
    result: PipelineResult | None, options: BuildOptions, reason: str
) -> UserError | None:
    """Returns the error of a job that failed on Dataflow; None for another runner.

    Args:
      result: the job, or None if it was not submitted.
      options: the pipeline's options.
      reason: the runner's error, one line.
    """
    if runner_name(options) != 'dataflow':
        return None
    if result is None:
        setup_file = options.view_as(SetupOptions).setup_file
        if setup_file and 'failed child process' in reason:
            return UserError(
                f'could not build the package for the workers from {setup_file}; run '
                f'`{sys.executable} setup.py sdist` in its folder to see why'
            )
        return UserError(
            f'could not submit the job: {reason}; --verbose shows the full error'
        )
    url = job_url(options, result.job_id())
    try:
        state = result.state
    except Exception as error:  # the service does not answer
        state, reason = PipelineState.UNKNOWN, error_text(error)
    if not PipelineState.is_terminal(state):
        return UserError(
            f'lost contact with the job, which may still be running: {reason}; look at '
            f'{url}, and run the same command again once it has ended',
            exit_status=1,
        )
    if state == PipelineState.CANCELLED:
        return UserError(f'the job was cancelled ({url}). {RESUME}', exit_status=1)
    return UserError(f'the job ended as {state}: {reason}; see its log at {url}', 1)
