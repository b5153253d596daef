"""Selects the runner of a job, and starts what has to run next to it."""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence

from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.runners.portability.flink_runner import MAGIC_HOST_NAMES
from apache_beam.runners.runner import PipelineRunner

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions, is_set, runner_of
from indexed_imagenet.runners.ignored_flags import ignored_note
from indexed_imagenet.runners.local.resources import Resources, read_resources
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.transforms.formats.layout import staging_dir

# Flags of one runner each, which others would ignore.
_RUNNER_FLAGS = {
    'flink': ('flink_master', 'flink_version', 'flink_job_server_jar'),
    'prism': ('prism_location',),
}


def runner_name(options: BuildOptions) -> str:
    """Returns the runner that --runner names, such as ``flink``; '' for the local one."""
    return runner_of(options.view_as(StandardOptions).runner)


def runs_locally(options: BuildOptions) -> bool:
    """Returns True if the workers are on this machine and see its files."""
    name = runner_name(options)
    if name == 'flink':
        return options.view_as(FlinkRunnerOptions).flink_master in MAGIC_HOST_NAMES
    return name in ('', 'direct', 'prism')


def num_local_workers(
    options: BuildOptions, argv: Sequence[str], resources: Resources | None = None
) -> int:
    """Returns the number of local workers: one per usable core, as far as memory goes.

    Args:
      options: the pipeline's options.
      argv: the flags; Beam's own default of 1 looks the same as a 1 that was given.
      resources: what this process may use; read from the system by default. A flag that
        gives a number is obeyed whatever they are.

    Raises:
      UserError: the flag's number is negative.
    """
    workers: int = options.view_as(DirectOptions).direct_num_workers
    if workers < 0:
        raise UserError(
            f'--direct_num_workers is {workers} (expected 0 or more); give 0 for one '
            'per core'
        )
    if not is_set('direct_num_workers', argv) or workers == 0:
        return (resources or read_resources()).workers
    return workers


def _report_ignored(options: BuildOptions, argv: Sequence[str]) -> None:
    """Prints the flags that the selected runner ignores."""
    is_embedded = runner_name(options) == 'flink' and runs_locally(options)
    heeded = ['--direct_num_workers'] if is_embedded else []
    note = ignored_note(runner_name(options), argv, heeded)
    if note:
        print(note, file=sys.stderr)


def _explain_workers(
    options: BuildOptions, argv: Sequence[str], resources: Resources
) -> None:
    """Prints why there are fewer workers than cores, unless a flag gives their number."""
    is_given = is_set('direct_num_workers', argv) or (
        runner_name(options) == 'flink'
        and options.view_as(FlinkRunnerOptions).parallelism > 0
    )
    explained = resources.explain()
    if explained and not is_given:
        print(f'note: {explained}', file=sys.stderr)


def check_flags(options: BuildOptions, argv: Sequence[str]) -> None:
    """Checks that no flag belongs to another runner.

    Args:
      options: the pipeline's options.
      argv: the flags.

    Raises:
      UserError: one does.
    """
    selected = runner_name(options)
    for name, flags in _RUNNER_FLAGS.items():
        for flag in flags:
            # The job server of a PortableRunner may be any runner's.
            if is_set(flag, argv) and selected not in (name, 'portable'):
                runner = options.view_as(StandardOptions).runner or 'missing'
                expected = f'{name.capitalize()}Runner'
                raise UserError(
                    f'--{flag} is set, but --runner is {runner} (expected {expected}); '
                    f'add --runner={expected} or drop --{flag}'
                )


@dataclasses.dataclass(frozen=True, slots=True)
class RunnerHandle:
    """A runner that is ready for a job.

    Attributes:
      runner: the local runner, or None for the one that the options name.
      end_job: ends a job that failed or was stopped and may still run; None if
        cancelling it through Beam is enough.
    """

    runner: PipelineRunner | None = None
    end_job: Callable[[], None] | None = None


@contextlib.contextmanager
def open_runner(
    options: BuildOptions, argv: Sequence[str], interrupt: Interrupt, writes: str = ''
) -> Iterator[RunnerHandle]:
    """Starts a runner, and stops what it started when the context ends.

    Args:
      options: the pipeline's options; those that belong to the runner are set.
      argv: the flags, which tell given values from defaults.
      interrupt: stopped when a worker process dies.
      writes: the output directory; '' if there is none.

    Raises:
      UserError: the runner cannot be started; nothing was submitted.
    """
    resources = read_resources()
    workers = num_local_workers(options, argv, resources)
    check_flags(options, argv)
    _report_ignored(options, argv)
    name = runner_name(options)
    # Each branch imports what its runner needs, as the others do not need it.
    if not name:
        from indexed_imagenet.runners.local.runner import local_runner

        log_level = options.view_as(WorkerOptions)
        if not options.verbose and log_level.default_sdk_harness_log_level is None:
            log_level.default_sdk_harness_log_level = 'CRITICAL'
        lock = staging_dir(writes) if writes else ''
        _explain_workers(options, argv, resources)
        with local_runner(options, workers, interrupt, lock) as runner:
            yield RunnerHandle(runner)
    elif name == 'flink':
        from indexed_imagenet.runners.flink.runner import flink_job_server

        if runs_locally(options):
            _explain_workers(options, argv, resources)
        with flink_job_server(options, argv, workers, writes) as end_job:
            yield RunnerHandle(end_job=end_job)
    elif name == 'prism':
        from indexed_imagenet.runners.prism import prism_job_server

        with prism_job_server(options):
            yield RunnerHandle()
    else:
        yield RunnerHandle()
