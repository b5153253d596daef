"""Beam's job server for Flink: a jar, which must fit the cluster's version.

Beam publishes one for each minor version of Flink (1.20, 2.0, …).
"""

import os
import sys
import zipfile

from apache_beam.options.pipeline_options import FlinkRunnerOptions, JobServerOptions
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.utils.subprocess_server import JavaJarServer

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.text import error_text, one_line

_VERSION_FILE = '.flink-runtime.version.properties'


def minor_version(version: str) -> str:
    """Returns the first two numbers of a version.

    >>> minor_version('1.20.3')
    '1.20'
    """
    return '.'.join(version.split('.')[:2])


def version_in_jar(jar: str) -> str | None:
    """Returns the version of Flink that a job server contains; None if it has none.

    Args:
      jar: a local file.

    Raises:
      UserError: the file is not a jar.
    """
    try:
        with zipfile.ZipFile(jar) as archive:
            text = archive.read(_VERSION_FILE).decode()
    except KeyError:
        return None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            f'--flink_job_server_jar {jar} cannot be read as a jar: {error_text(error)}; '
            "give Beam's beam-runners-flink-VERSION-job-server"
        ) from error
    for line in text.splitlines():
        name, _, value = line.partition('=')
        if name.strip() == 'project.version':
            return value.strip()
    return None


def fetch_job_server(options: BuildOptions) -> str:
    """Returns the path of the job server, downloaded if it is not a local file.

    Args:
      options: name a path, a URL, or the version of Flink.

    Raises:
      UserError: the file is missing or cannot be downloaded.
    """
    flink = options.view_as(FlinkRunnerOptions)
    cache = options.view_as(JobServerOptions).jar_cache_dir
    given = flink.flink_job_server_jar
    if given and '://' not in given:
        if not os.path.isfile(given):
            raise UserError(
                f'--flink_job_server_jar {given}: no such file; give the path of a jar, '
                'or drop the flag to download it from Maven Central'
            )
        return str(given)
    url = given or FlinkJarJobServer.path_to_beam_jar(
        f':runners:flink:{flink.flink_version}:job-server:shadowJar'
    )
    cached = os.path.join(cache or JavaJarServer.JAR_CACHE, os.path.basename(url))
    if not os.path.exists(url) and not os.path.exists(cached):
        print(f'downloading {url} to {os.path.dirname(cached)}', file=sys.stderr)
    try:
        return str(JavaJarServer.local_jar(url, cache))
    except Exception as error:  # from urllib or Beam
        raise UserError(
            f'could not download the job server for Flink {flink.flink_version} from '
            f'{url}: {one_line(error)}; give the path of a jar with '
            '--flink_job_server_jar'
        ) from error


def check_jar(jar: str, master: str, version: str) -> None:
    """Checks that a job server fits a cluster; one without a version passes.

    Args:
      jar: a local file.
      master: the cluster, for the message.
      version: of the cluster.

    Raises:
      UserError: it is for another minor version of Flink.
    """
    found, wanted = version_in_jar(jar), minor_version(version)
    if found and minor_version(found) != wanted:
        raise UserError(
            f'--flink_job_server_jar {jar} is for Flink {minor_version(found)}, but '
            f'{master} runs {version}; give the job server for Flink {wanted}'
        )
