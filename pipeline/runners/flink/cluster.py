"""The Flink runner: what must fit together, before anything is submitted.

Without ``--flink_master`` Flink runs within Beam's job server on this machine,
with one in the cluster that it names. Either way the job server is a Java
program that Beam publishes for each line of Flink (1.20, 2.0, …), and it must be
of the cluster's line.
"""

import contextlib
import functools
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    JobServerOptions,
    PortableOptions,
)
from apache_beam.runners.portability.flink_runner import (
    MAGIC_HOST_NAMES,
    FlinkJarJobServer,
    FlinkRunner,
)
from apache_beam.utils.subprocess_server import JavaJarServer

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions, is_set
from indexed_imagenet.runners.flink.rest import (
    Cluster,
    cancel_jobs,
    get_cluster,
    restarts_jobs,
    running_jobs,
)
from indexed_imagenet.runners.job_name import job_name
from indexed_imagenet.runners.job_server import running_job_server
from indexed_imagenet.text import printable

_VERSION_FILE = '.flink-runtime.version.properties'

# Between two stages a cluster would stop its Python workers, and start new ones: a
# build of 15,000 images took 34 s so, and 25 s with workers that stay this long.
_KEEP_WORKERS_MS = 10_000

# Seconds that a worker takes to end once its time is over.
_WORKERS_END_WITHIN = 2.0


def minor_version(version: str) -> str:
    """The line of a version of Flink, such as 1.20 of 1.20.3."""
    return '.'.join(version.split('.')[:2])


def version_in_jar(jar: str) -> str | None:
    """The version of the Flink that a job server's jar holds; None if it says none.

    Raises:
      UserError: it is no jar.
    """
    try:
        with zipfile.ZipFile(jar) as archive:
            text = archive.read(_VERSION_FILE).decode()
    except KeyError:
        return None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            f'--flink_job_server_jar {jar} cannot be read as a jar: {error}; give '
            "Beam's beam-runners-flink-VERSION-job-server"
        ) from error
    for line in text.splitlines():
        name, _, value = line.partition('=')
        if name.strip() == 'project.version':
            return value.strip()
    return None


def _check_java(options: BuildOptions) -> None:
    java = options.view_as(JobServerOptions).job_server_java_launcher
    if not shutil.which(java):
        raise UserError(
            f'--job_server_java_launcher is {java}, which is no program here; Flink '
            'needs Java 11 or 17: install it, or give the path of its java'
        )


def _fetch_job_server(options: BuildOptions) -> str:
    """Beam's job server as a file here; a path or an URL may have been given.

    Raises:
      UserError: it is not there.
    """
    flink = options.view_as(FlinkRunnerOptions)
    cache = options.view_as(JobServerOptions).jar_cache_dir
    given = flink.flink_job_server_jar
    if given and '://' not in given:
        if not os.path.isfile(given):
            raise UserError(
                f'--flink_job_server_jar {given}: no such file; give a jar, or leave the '
                'flag out to have it fetched from Maven Central'
            )
        return given
    url = given or FlinkJarJobServer.path_to_beam_jar(
        f':runners:flink:{flink.flink_version}:job-server:shadowJar'
    )
    kept = os.path.join(cache or JavaJarServer.JAR_CACHE, os.path.basename(url))
    if not os.path.exists(url) and not os.path.exists(kept):
        print(f'fetching {url} into {os.path.dirname(kept)}', file=sys.stderr)
    try:
        return JavaJarServer.local_jar(url, cache)
    except Exception as error:  # of urllib, of Beam's file systems, or Beam's own
        raise UserError(
            f"Beam's job server for Flink {flink.flink_version} cannot be fetched from "
            f'{url}: {printable(str(error))}; give a jar at hand with '
            '--flink_job_server_jar'
        ) from error


def _check_minor_version(
    master: str, version: str, flink: FlinkRunnerOptions, argv: Sequence[str]
) -> None:
    """Has the job server be of the cluster's line.

    Raises:
      UserError: another one was asked for, or Beam has none.
    """
    line, known = minor_version(version), FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    if is_set('flink_version', argv):
        if flink.flink_version != line:
            raise UserError(
                f'--flink_version is {flink.flink_version}, but {master} runs Flink '
                f'{version}; leave the flag out, or give --flink_version={line}'
            )
    elif line in known:
        flink.flink_version = line
    elif not flink.flink_job_server_jar:
        raise UserError(
            f'--flink_master {master} runs Flink {version}, for which this Beam has no '
            f'job server (it has {", ".join(known)}); give another cluster, or a job '
            f'server for Flink {line} with --flink_job_server_jar'
        )


def _check_jar(jar: str, master: str, version: str) -> None:
    """Has a job server be of the cluster's line, as far as it says its own.

    Raises:
      UserError: it is of another.
    """
    found = version_in_jar(jar)
    if found and minor_version(found) != minor_version(version):
        wanted = minor_version(version)
        raise UserError(
            f'--flink_job_server_jar {jar} is made for Flink {minor_version(found)}, but '
            f'{master} runs {version}; give the job server for Flink {wanted}'
        )


def _workers_of_each(cluster: Cluster) -> int:
    """Worker processes of a task manager: one for each slot.

    Beam's own default is one for all, whose threads take turns: 300,000 small images
    on a task manager of two slots took 48 s so, and 34 s with two processes.
    """
    if not cluster.task_managers:
        return 0  # Beam's word for all cores but one
    return -(-cluster.slots // cluster.task_managers)


def _prepare_cluster(options: BuildOptions, argv: Sequence[str]) -> str:
    """Checks a cluster, and sets what follows from it.

    Returns:
      The version of its Flink.

    Raises:
      UserError: it cannot run the job.
    """
    flink = options.view_as(FlinkRunnerOptions)
    portable = options.view_as(PortableOptions)
    master = FlinkRunner.add_http_scheme(flink.flink_master).rstrip('/')
    flink.flink_master = master
    cluster = get_cluster(master)
    version, slots = cluster.version, cluster.slots
    if not portable.environment_type:
        raise UserError(
            f'--flink_master {master} is a cluster, and nothing says how its task '
            'managers get Python workers; give --environment_type=EXTERNAL '
            '--environment_config=localhost:PORT for a worker pool beside each of them, '
            'or --environment_type=DOCKER --environment_config=IMAGE'
        )
    if not is_set('environment_cache_millis', argv):
        portable.environment_cache_millis = _KEEP_WORKERS_MS
    if not is_set('sdk_worker_parallelism', argv):
        portable.sdk_worker_parallelism = _workers_of_each(cluster)
    if flink.parallelism < 1:
        if slots < 1:
            raise UserError(
                f'--flink_master {master} has no task slots; start task managers, or '
                'give --parallelism if it starts them when a job comes'
            )
        flink.parallelism = slots
    _check_minor_version(master, version, flink, argv)
    if not restarts_jobs(master):
        # Flink then ends a batch job at the first loss, and Beam's job server hands
        # on no strategy of the job's own.
        print(
            f'note: {master} has no restart-strategy in its configuration: if it loses '
            'a machine or a worker, the build ends, and the same command goes on',
            file=sys.stderr,
        )
    return version


def _name_job(options: BuildOptions, writes: str) -> str:
    """Gives the job the name by which the cluster is asked for it.

    Args:
      options: the pipeline's; the job's name is set.
      writes: the output directory, from which the name comes; '' if there is none.

    Raises:
      UserError: a job that writes there is still at work.
    """
    master = options.view_as(FlinkRunnerOptions).flink_master
    name = job_name(writes)
    running = running_jobs(master, name)
    if running:
        raise UserError(
            f'job {running[0]} of {master} is still at work in {writes}: its launcher '
            'has gone; wait until it has ended, or cancel it there'
        )
    options.view_as(GoogleCloudOptions).job_name = name
    return name


def _end_job(options: BuildOptions, name: str) -> None:
    """Cancels the job if it is running, and waits until its workers have ended, too."""
    print('ending what still runs of the job in the cluster', file=sys.stderr)
    cancel_jobs(options.view_as(FlinkRunnerOptions).flink_master, name)
    cached_ms = options.view_as(PortableOptions).environment_cache_millis
    time.sleep(int(cached_ms) / 1000 + _WORKERS_END_WITHIN)


@contextlib.contextmanager
def flink_job_server(
    options: BuildOptions, argv: Sequence[str], workers: int, writes: str
) -> Iterator[Callable[[], None] | None]:
    """Checks what a job on Flink needs, and runs its job server meanwhile.

    Args:
      options: the pipeline's; those that follow from cluster and machine are set.
      argv: the flags, to know which of them were given.
      workers: parallelism of an embedded Flink, unless a flag says another.
      writes: the output directory; '' if there is none.

    Yields:
      What ends the job in a cluster; None if it ends with the job server.

    Raises:
      UserError: something is missing or does not fit; nothing was submitted.
    """
    flink = options.view_as(FlinkRunnerOptions)
    _check_java(options)
    if flink.flink_master in MAGIC_HOST_NAMES:
        cluster_version = end_job = None
        flink.parallelism = workers if flink.parallelism < 1 else flink.parallelism
    else:
        cluster_version = _prepare_cluster(options, argv)
        end_job = functools.partial(_end_job, options, _name_job(options, writes))
    jar = _fetch_job_server(options)
    if cluster_version:
        _check_jar(jar, flink.flink_master, cluster_version)
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
        with running_job_server(
            "Flink's job server", FlinkJarJobServer(options), folder, options
        ):
            yield end_job
