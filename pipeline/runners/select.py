"""Which runner a job runs on, and what runs beside it meanwhile."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.runners.portability.flink_runner import MAGIC_HOST_NAMES
from apache_beam.runners.runner import PipelineRunner

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions, is_set
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.transforms.formats.layout import staging_dir
from indexed_imagenet.transforms.storage import files

# Flags that mean one runner, and would mean nothing to another.
_FLAGS_OF = {
    'flink': ('flink_master', 'flink_version', 'flink_job_server_jar'),
    'prism': ('prism_location',),
}


def runner_name(options: BuildOptions) -> str:
    """The runner that was asked for, such as ``flink``; '' for our local one.

    Beam takes ``FlinkRunner`` in any case, and the full name of its class.
    """
    name = options.view_as(StandardOptions).runner or ''
    return name.rpartition('.')[2].lower().removesuffix('runner')


def works_here(options: BuildOptions) -> bool:
    """Whether the workers are on this machine, and see its files."""
    name = runner_name(options)
    if name == 'flink':
        return options.view_as(FlinkRunnerOptions).flink_master in MAGIC_HOST_NAMES
    return name in ('', 'direct', 'prism')


def num_local_workers(options: BuildOptions, argv: Sequence[str]) -> int:
    """How many workers this machine gets: all cores, unless flags say otherwise.

    Raises:
      UserError: the flag has a number that cannot be.
    """
    workers = options.view_as(DirectOptions).direct_num_workers
    if workers < 0:
        raise UserError(
            f'--direct_num_workers is {workers}, expected 0 (all cores) or more'
        )
    # Beam's own default is 1, so only a flag tells 1 from nothing.
    if not is_set('direct_num_workers', argv) or workers == 0:
        return os.cpu_count() or 1
    return workers


def check_flags(options: BuildOptions, argv: Sequence[str]) -> None:
    """Refuses flags of a runner that was not asked for.

    Raises:
      UserError: there is one.
    """
    chosen = runner_name(options)
    for name, flags in _FLAGS_OF.items():
        for flag in flags:
            # An endpoint of a job server may be any runner's.
            if is_set(flag, argv) and chosen not in (name, 'portable'):
                given = options.view_as(StandardOptions).runner or 'missing'
                raise UserError(
                    f'--{flag} is given, but --runner is {given}; give '
                    f'--runner={name.capitalize()}Runner, or leave --{flag} out'
                )


class RunnerHandle(NamedTuple):
    """What a job runs on.

    Attributes:
      runner: our local one, or None for the one that the options name.
      end_job: ends what still runs of a job that has not ended well; None if the
        runner's own way is enough.
    """

    runner: PipelineRunner | None = None
    end_job: Callable[[], None] | None = None


@contextlib.contextmanager
def open_runner(
    options: BuildOptions, argv: Sequence[str], interrupt: Interrupt, writes: str = ''
) -> Iterator[RunnerHandle]:
    """Makes the runner ready, and what runs beside it, for as long as it lasts.

    Args:
      options: the pipeline's; those that belong to the runner are set.
      argv: the flags, to know which of them were given.
      interrupt: told of a worker process that dies.
      writes: the output directory; '' if there is none.

    Raises:
      UserError: the runner cannot be had; nothing was started.
    """
    workers = num_local_workers(options, argv)
    check_flags(options, argv)
    name = runner_name(options)
    # Each runner imports what it needs alone, when it is needed.
    if not name:
        from indexed_imagenet.runners.local.runner import local_runner

        log_level = options.view_as(WorkerOptions)
        if not options.verbose and log_level.default_sdk_harness_log_level is None:
            log_level.default_sdk_harness_log_level = 'CRITICAL'
        lock = staging_dir(writes) if writes and files.is_local(writes) else ''
        with local_runner(options, workers, interrupt, lock) as runner:
            yield RunnerHandle(runner)
    elif name == 'flink':
        from indexed_imagenet.runners.flink.runner import flink_job_server

        with flink_job_server(options, argv, workers, writes) as end_job:
            yield RunnerHandle(end_job=end_job)
    elif name == 'prism':
        from indexed_imagenet.runners.prism import prism_job_server

        with prism_job_server(options):
            yield RunnerHandle()
    else:
        yield RunnerHandle()
