"""The runner on this machine when none is asked for: all cores, no network.

Beam's ``DirectRunner`` is a switch: Prism where a binary can be downloaded, the
in-process ``FnApiRunner`` where not. Here the ``FnApiRunner`` is made directly,
with the pipeline options in its provision info as the switch does it, so that a
run is the same with and without a network, and workers see every option.
"""

import contextlib
from collections.abc import Iterator

from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.transforms import environments

from indexed_imagenet.options import BuildOptions
from indexed_imagenet.runners.local.processes import local_processes
from indexed_imagenet.signals import Interrupt


@contextlib.contextmanager
def local_runner(
    options: BuildOptions, workers: int, interrupt: Interrupt, lock: str = ''
) -> Iterator[fn_runner.FnApiRunner]:
    """The local runner, and its worker processes for as long as the context lasts.

    No thread may be running when it is entered.

    Args:
      options: the pipeline's options; those that belong to the runner are set.
      workers: how many; one works in this process, more are processes.
      interrupt: told of a worker process that dies.
      lock: a local folder that every worker process holds once it is at work, so
        that a later run can wait for those whose launcher is dead.
    """
    direct = options.view_as(DirectOptions)
    direct.direct_num_workers = workers
    if direct.direct_running_mode == 'multi_processing':
        direct.direct_running_mode = 'in_memory'  # or Beam would set its own command
    with contextlib.ExitStack() as running:
        if workers == 1:
            environment = environments.EmbeddedPythonEnvironment.default()
        else:
            processes = running.enter_context(
                local_processes(workers, interrupt, options.verbose, lock)
            )
            environment = environments.SubprocessSDKEnvironment.from_command_string(
                processes.job
            )
        provision_info = beam_provision_api_pb2.ProvisionInfo(
            pipeline_options=JobServiceHandle.encode_pipeline_options(
                options.get_all_options()
            )
        )
        yield fn_runner.FnApiRunner(
            default_environment=environment,
            provision_info=fn_runner.ExtendedProvisionInfo(provision_info),
        )
