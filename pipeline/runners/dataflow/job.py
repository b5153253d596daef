"""A job on Dataflow, as its launcher sees it: submitted, looked for, explained."""

import sys

from apache_beam.options.pipeline_options import SetupOptions
from apache_beam.runners.runner import PipelineResult, PipelineState
from rich.console import Console

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.preflight.store_access import error_text
from indexed_imagenet.runners.dataflow.access import job_url
from indexed_imagenet.runners.select import runner_name


def print_submitted(
    result: PipelineResult, options: BuildOptions, console: Console | None
) -> None:
    """Says where to look at a job that Dataflow has taken; nothing of another."""
    if console and runner_name(options) == 'dataflow':
        console.print(
            f'Dataflow has the job: {job_url(options, result.job_id())}',
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def explain_failure(
    result: PipelineResult | None, options: BuildOptions, reason: str
) -> UserError | None:
    """Why a job of Dataflow did not end well; None for a job of another runner.

    Args:
      result: of the job, or None if it was not submitted.
      options: the pipeline's.
      reason: what the runner has said, one line.
    """
    if runner_name(options) != 'dataflow':
        return None
    if result is None:
        setup_file = options.view_as(SetupOptions).setup_file
        if setup_file and 'failed child process' in reason:
            return UserError(
                f'the package for workers cannot be made from {setup_file}; '
                f'`{sys.executable} setup.py sdist` says why, in its folder'
            )
        return UserError(
            f'the job cannot be submitted: {reason}; --verbose shows the whole of it'
        )
    url = job_url(options, result.job_id())
    try:
        state = result.state
    except Exception as error:  # the service cannot be asked
        state, reason = PipelineState.UNKNOWN, error_text(error)
    if not PipelineState.is_terminal(state):
        return UserError(
            f'lost sight of the job, which may go on: {reason}; look at {url}, and give '
            'the same command again when it has ended',
            exit_status=1,
        )
    if state == PipelineState.CANCELLED:
        return UserError(
            f'the job was cancelled ({url}); give the same command again to go on: what '
            'is finished is kept',
            exit_status=1,
        )
    return UserError(f'the job ended as {state}: {reason}; its log is at {url}', 1)
