"""The Prism runner: Beam's own, a program that is fetched or at hand."""

import contextlib
import os
import tempfile
from collections.abc import Iterator

from apache_beam.options.pipeline_options import PrismRunnerOptions
from apache_beam.runners.portability.prism_runner import PrismJobServer

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.runners.job_server import running_job_server
from indexed_imagenet.text import printable


@contextlib.contextmanager
def prism_job_server(options: BuildOptions) -> Iterator[None]:
    """Runs Prism while the context lasts.

    Raises:
      UserError: it is not there, or does not start.
    """
    location = options.view_as(PrismRunnerOptions).prism_location
    if location and '://' not in location and not os.path.isfile(location):
        raise UserError(
            f'--prism_location {location}: no such file; give the program, as '
            '"go install github.com/apache/beam/sdks/v2/go/cmd/prism@latest" makes it'
        )
    with contextlib.ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix='prism-'))
        try:
            running.enter_context(
                running_job_server('Prism', PrismJobServer(options), folder, options)
            )
        except UserError:
            raise
        except Exception as error:  # of urllib, zipfile, or Beam's own
            raise UserError(
                f'Prism cannot be had: {printable(str(error))}; give a program at '
                'hand with --prism_location'
            ) from error
        yield
