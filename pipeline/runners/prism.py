"""Prism, Beam's portable runner: a program that Beam downloads or a flag names."""

import contextlib
import os
import tempfile
from collections.abc import Iterator

from apache_beam.options.pipeline_options import PrismRunnerOptions
from apache_beam.runners.portability.prism_runner import PrismJobServer

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.runners.job_server import run_job_server
from indexed_imagenet.text import one_line


@contextlib.contextmanager
def prism_job_server(options: BuildOptions) -> Iterator[None]:
    """Runs Prism for as long as the context lasts.

    Args:
      options: the pipeline's options; ``job_endpoint`` is set.

    Raises:
      UserError: Prism is missing, cannot be downloaded, or does not start.
    """
    location = options.view_as(PrismRunnerOptions).prism_location
    if location and '://' not in location and not os.path.isfile(location):
        raise UserError(
            f'--prism_location {location}: no such file; give the path of the program '
            'that "go install github.com/apache/beam/sdks/v2/go/cmd/prism@latest" makes'
        )
    with contextlib.ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix='prism-'))
        try:
            running.enter_context(
                run_job_server('Prism', PrismJobServer(options), folder, options)
            )
        except UserError:
            raise
        except Exception as error:  # from urllib, zipfile or Beam
            raise UserError(
                f'could not download Prism: {one_line(error)}; give the path of the '
                'program with --prism_location'
            ) from error
        yield
