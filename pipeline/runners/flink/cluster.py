"""A Flink cluster: checks that it fits the job, and names and ends the job there."""

import sys
import time
from collections.abc import Sequence

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PortableOptions,
)
from apache_beam.runners.portability.flink_runner import FlinkRunner

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions, is_set
from indexed_imagenet.runners.flink.jar import minor_version
from indexed_imagenet.runners.flink.rest import (
    Cluster,
    cancel_jobs,
    get_cluster,
    restarts_jobs,
    running_jobs,
)
from indexed_imagenet.runners.job_name import job_name

# Between two stages a cluster would stop its Python workers and start new ones. A build
# of 15,000 images took 34 s that way, and 25 s with workers that stay for this long.
_KEEP_WORKERS_MS = 10_000

# Seconds that a worker takes to exit after that time.
_WORKER_EXIT_TIME = 2.0


def prepare_cluster(options: BuildOptions, argv: Sequence[str]) -> str:
    """Checks that a cluster can run the job, and sets the options that follow from it.

    Args:
      options: the pipeline's options; those that no flag has set are filled in.
      argv: the flags, which tell given values from defaults.

    Returns:
      The cluster's version of Flink.

    Raises:
      UserError: the cluster cannot run the job.
    """
    flink = options.view_as(FlinkRunnerOptions)
    portable = options.view_as(PortableOptions)
    master = FlinkRunner.add_http_scheme(flink.flink_master).rstrip('/')
    flink.flink_master = master
    cluster = get_cluster(master)
    if not portable.environment_type:
        raise UserError(
            f'--environment_type is missing; --flink_master {master} is a cluster, and '
            'its task managers need Python workers: give --environment_type=EXTERNAL '
            '--environment_config=localhost:PORT for a worker pool on each machine, or '
            '--environment_type=DOCKER --environment_config=IMAGE'
        )
    if not is_set('environment_cache_millis', argv):
        portable.environment_cache_millis = _KEEP_WORKERS_MS
    if not is_set('sdk_worker_parallelism', argv):
        portable.sdk_worker_parallelism = _workers_per_task_manager(cluster)
    if flink.parallelism < 1:
        if cluster.slots < 1:
            raise UserError(
                f'--flink_master {master} has no task slots; start task managers, or '
                'give --parallelism if it starts them for a job'
            )
        flink.parallelism = cluster.slots
    _check_minor_version(master, cluster.version, flink, argv)
    if not restarts_jobs(master):
        # Flink then fails a batch job at the first loss, and Beam's job server cannot
        # pass on a strategy for one job.
        print(
            f'note: {master} has no restart-strategy in its configuration: the build '
            'fails if a machine or worker is lost; the same command then resumes it',
            file=sys.stderr,
        )
    return cluster.version


def _workers_per_task_manager(cluster: Cluster) -> int:
    """Returns the number of worker processes per task manager: one per slot.

    Beam's default is a single one, whose threads take turns: 300,000 small images on a
    task manager of two slots took 48 s with it, and 34 s with two processes.
    """
    if not cluster.task_managers:
        return 0  # Beam takes this as all cores but one
    return -(-cluster.slots // cluster.task_managers)


def _check_minor_version(
    master: str, version: str, flink: FlinkRunnerOptions, argv: Sequence[str]
) -> None:
    """Sets the job server's version to the cluster's.

    Raises:
      UserError: a flag asks for another one, or Beam publishes none.
    """
    published = FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    wanted = minor_version(version)
    if is_set('flink_version', argv):
        if flink.flink_version != wanted:
            raise UserError(
                f'--flink_version is {flink.flink_version}, but {master} runs Flink '
                f'{version}; drop the flag or give --flink_version={wanted}'
            )
    elif wanted in published:
        flink.flink_version = wanted
    elif not flink.flink_job_server_jar:
        raise UserError(
            f'--flink_master {master} runs Flink {version}, for which this version of '
            f'Beam has no job server (expected {", ".join(published)}); use another '
            f'cluster, or give a job server for Flink {wanted} with '
            '--flink_job_server_jar'
        )


def name_job(options: BuildOptions, writes: str) -> str:
    """Names the job after its output directory, to find it in the cluster again.

    Args:
      options: the pipeline's options; the job's name is set.
      writes: the output directory; '' if there is none.

    Returns:
      The name.

    Raises:
      UserError: a job that writes there is still running.
    """
    master = options.view_as(FlinkRunnerOptions).flink_master
    name = job_name(writes)
    running = running_jobs(master, name)
    if running:
        raise UserError(
            f'job {running[0]} of {master} is still writing into {writes}, though its '
            'launcher is gone; wait for its end or cancel it there'
        )
    options.view_as(GoogleCloudOptions).job_name = name
    return name


def end_job(options: BuildOptions, name: str) -> None:
    """Cancels the job if it is running, and waits for its end and that of its workers.

    Args:
      options: the pipeline's options.
      name: from ``name_job``.

    Raises:
      UserError: the job does not end.
    """
    print('cancelling the job on the cluster', file=sys.stderr)
    cancel_jobs(options.view_as(FlinkRunnerOptions).flink_master, name)
    cached_ms = options.view_as(PortableOptions).environment_cache_millis
    time.sleep(int(cached_ms) / 1000 + _WORKER_EXIT_TIME)
