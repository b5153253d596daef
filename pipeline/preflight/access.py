"""Asks stores and services before a job starts, whatever its runner."""

import importlib
from collections.abc import Mapping

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.runners.dataflow.access import (
    check_service,
    check_staging,
    staging_urls,
)
from indexed_imagenet.runners.dataflow.options import prepare_dataflow
from indexed_imagenet.runners.select import runner_name
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.storage.base import is_installed

# For each scheme: a module of its client library, the extra that brings it, and the
# module that checks a bucket.
_CLIENTS = {
    'gs': ('google.cloud.storage', 'gcp', 'gcs_access'),
    's3': ('boto3', 'aws', 's3_access'),
}


def _check_client(flag: str, url: str, scheme: str) -> None:
    module, extra, _ = _CLIENTS.get(scheme, ('', '', ''))
    if module and not is_installed(module):
        raise UserError(
            f'{flag} {url} needs client libraries that are not installed; use '
            f"./run_local.sh, or pip install 'apache-beam[{extra}]'"
        )
    try:
        FileSystems.get_filesystem(url)
    except Exception as error:  # Beam's, or of a client that it makes
        # Beam says of any unknown scheme that Google's is missing.
        why = '' if isinstance(error, ValueError) else f' ({error_text(error)})'
        raise UserError(
            f'{flag} {url}: {scheme}:// is not supported{why}; give a local path, or a '
            'gs:// or s3:// URL'
        ) from error


def check_stores(options: PipelineOptions, paths: Mapping[str, str | None]) -> None:
    """Finds what the object stores of some paths refuse.

    Args:
      options: the pipeline's, which Beam's file systems have as well.
      paths: what is read and written, by what gives it.

    Raises:
      UserError: a client library, credentials or a bucket are missing, or a store
        does not answer.
    """
    checked = set()
    for flag, url in paths.items():
        scheme = storage.scheme_of(url or '')
        if not url or scheme is None:
            continue
        bucket, _ = storage.split_url(url)
        _check_client(flag, url, scheme)
        if scheme not in _CLIENTS or (scheme, bucket) in checked:
            continue
        if not bucket:
            raise UserError(f'{flag} {url} has no bucket (expected {scheme}://BUCKET/…)')
        checked.add((scheme, bucket))
        module = f'{storage.__name__}.{_CLIENTS[scheme][2]}'
        importlib.import_module(module).check_bucket(options, flag, url)


def check_access(
    options: BuildOptions, paths: Mapping[str, str | None], writes: str
) -> None:
    """Finds what would make a job fail where its data is, and where it is to run.

    Args:
      options: the pipeline's; what no flag has set is filled in for Dataflow.
      paths: what workers read and write themselves, by what gives it.
      writes: the output directory; '' if there is none.

    Raises:
      UserError: a flag cannot work, or a store or service refuses; nothing was
        started.
    """
    prepare_dataflow(options, paths, writes)
    check_stores(options, {**paths, **staging_urls(options)})
    if runner_name(options) == 'dataflow':
        check_staging(options)
        check_service(options)
