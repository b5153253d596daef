"""The runner on this machine, the default: one worker per core, no network.

Beam's ``DirectRunner`` is a switch: Prism where its binary can be downloaded, the
in-process ``FnApiRunner`` where not. This module makes the ``FnApiRunner`` directly,
with the pipeline options in its provision info as the switch does. A run is then the
same with and without a network, and workers see every option.
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
    """Starts the local runner and its worker processes, and ends them with the context.

    No thread may be running when the context is entered.

    Args:
      options: the pipeline's options; those that belong to the runner are set.
      workers: how many; a single one works in this process, more are processes.
      interrupt: stopped when a worker process dies.
      lock: a local folder that each worker process locks while it works, so that a
        later run can wait for workers whose launcher is dead; '' for none.
    """
    direct = options.view_as(DirectOptions)
    direct.direct_num_workers = workers
    if direct.direct_running_mode == 'multi_processing':
        direct.direct_running_mode = 'in_memory'  # otherwise Beam sets its own command
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
