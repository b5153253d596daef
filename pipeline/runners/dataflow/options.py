"""Checks the flags of a job on Dataflow, and fills in the others.

A job that cannot work is refused at once. On Dataflow, machines that take minutes to
start would find that out.
"""

import re
from collections.abc import Mapping

from apache_beam.options.pipeline_options import GoogleCloudOptions, TestOptions

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.runners.dataflow.defaults import set_defaults
from indexed_imagenet.runners.select import runner_name
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.storage.base import is_installed

_FOLDER_URL = re.compile(r'gs://[a-z0-9][-_a-z0-9.]+[a-z0-9]/.*')


def prepare_dataflow(
    options: BuildOptions, paths: Mapping[str, str | None], writes: str
) -> None:
    """Checks the flags of a job on Dataflow and sets its defaults.

    Does nothing for another runner.

    Args:
      options: the pipeline's options; those that no flag has set are filled in.
      paths: the paths that workers use themselves, by flag.
      writes: the output directory; '' if there is none.

    Raises:
      UserError: a flag is missing or cannot work.
    """
    if runner_name(options) != 'dataflow':
        return
    _check_client()
    _check_flags(options, {flag: path for flag, path in paths.items() if path})
    set_defaults(options, writes)


def _check_client() -> None:
    if not is_installed('google.cloud.dataflow'):
        raise UserError(
            "--runner=DataflowRunner needs Google's client libraries, which are not "
            "installed; use ./run_dataflow.sh or pip install 'apache-beam[gcp]'"
        )


def _check_flags(options: BuildOptions, paths: dict[str, str]) -> None:
    cloud = options.view_as(GoogleCloudOptions)
    # Dataflow's own rule: each of the two defaults to the other.
    cloud.temp_location = cloud.temp_location or cloud.staging_location
    missing = [
        f'--{flag}'
        for flag in ('project', 'region', 'temp_location')
        if not getattr(cloud, flag)
    ]
    if missing:
        verb = 'is' if len(missing) == 1 else 'are'
        raise UserError(
            f'{", ".join(missing)} {verb} missing; --runner=DataflowRunner needs '
            '--project, --region and --temp_location'
        )
    for flag in ('temp_location', 'staging_location'):
        url = getattr(cloud, flag)
        if url and not _FOLDER_URL.fullmatch(url):
            raise UserError(
                f'--{flag} is {url!r} (expected gs://BUCKET/FOLDER with a bucket name of '
                '3 or more characters); give such a URL'
            )
    if cloud.template_location or options.view_as(TestOptions).dry_run:
        raise UserError(
            '--template_location and --dry_run submit no job, but this command waits '
            'for one; drop them'
        )
    for flag, path in paths.items():
        if storage.is_local(path):
            raise UserError(
                f'{flag} {path} is on this machine, where Dataflow workers cannot see '
                'it; copy it to a bucket and give its gs:// URL'
            )
