"""What is asked of stores and services before a job is started, whatever its runner."""

from collections.abc import Mapping

from indexed_imagenet.options import BuildOptions
from indexed_imagenet.preflight.store_access import check_stores
from indexed_imagenet.runners.dataflow.access import (
    check_service,
    check_staging,
    staging_urls,
)
from indexed_imagenet.runners.dataflow.options import prepare_dataflow
from indexed_imagenet.runners.select import runner_name


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
