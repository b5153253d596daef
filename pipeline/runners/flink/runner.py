"""The Flink runner: checks what a job needs, and runs Beam's job server for it.

Without ``--flink_master`` Flink runs inside the job server, on this machine. With it,
the job server submits to that cluster. Either way the job server is a Java program.
"""

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence

from apache_beam.options.pipeline_options import FlinkRunnerOptions, JobServerOptions
from apache_beam.runners.portability.flink_runner import (
    MAGIC_HOST_NAMES,
    FlinkJarJobServer,
)

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.runners.flink.cluster import end_job, name_job, prepare_cluster
from indexed_imagenet.runners.flink.jar import check_jar, fetch_job_server
from indexed_imagenet.runners.job_server import run_job_server


def _check_java(options: BuildOptions) -> None:
    java = options.view_as(JobServerOptions).job_server_java_launcher
    if not shutil.which(java):
        raise UserError(
            f'--job_server_java_launcher is {java}: no such program (expected Java 11 or '
            '17, which Flink needs); install it or give the path of its java'
        )


@contextlib.contextmanager
def flink_job_server(
    options: BuildOptions, argv: Sequence[str], workers: int, writes: str
) -> Iterator[Callable[[], None] | None]:
    """Runs a job server for as long as the context lasts, after checking what it needs.

    Args:
      options: the pipeline's options; those that follow from the cluster are set.
      argv: the flags, which tell given values from defaults.
      workers: the parallelism of an embedded Flink, unless a flag gives another.
      writes: the output directory; '' if there is none.

    Yields:
      A function that ends the job in the cluster; None if it ends with the job server.

    Raises:
      UserError: something is missing or does not fit; nothing was submitted.
    """
    flink = options.view_as(FlinkRunnerOptions)
    _check_java(options)
    if flink.flink_master in MAGIC_HOST_NAMES:
        version = end = None
        flink.parallelism = workers if flink.parallelism < 1 else flink.parallelism
    else:
        version = prepare_cluster(options, argv)
        end = functools.partial(end_job, options, name_job(options, writes))
    jar = fetch_job_server(options)
    if version:
        check_jar(jar, flink.flink_master, version)
    flink.flink_job_server_jar = jar
    with tempfile.TemporaryDirectory(
        prefix='flink-', ignore_cleanup_errors=True
    ) as folder:
        server = options.view_as(JobServerOptions)
        server.artifacts_dir = server.artifacts_dir or folder
        server.job_server_jvm_properties = [
            *server.job_server_jvm_properties,
            f'-Djava.io.tmpdir={folder}',
        ]
        with run_job_server(
            "Flink's job server", FlinkJarJobServer(options), folder, options
        ):
            yield end
