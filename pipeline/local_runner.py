"""The runner on this machine when none is asked for: all cores, no network.

Beam's ``DirectRunner`` is a switch: Prism where a binary can be downloaded, the
in-process ``FnApiRunner`` where not. Here the ``FnApiRunner`` is made directly,
with the pipeline options in its provision info as the switch does it, so that a
run is the same with and without a network, and workers see every option.
"""

import os
import sys

from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.transforms import environments

from pipeline import local_worker
from pipeline.interrupt import Interrupt
from pipeline.local_processes import LocalProcesses
from pipeline.options import BuildOptions


def _worker_command(verbose: bool, lock: str | None) -> list[str]:
    script = os.path.abspath(local_worker.__file__)
    quiet = [] if verbose else [local_worker.QUIET]
    return [sys.executable, script, str(os.getpid()), lock or '', *quiet]


def make_local_runner(
    options: BuildOptions, workers: int, interrupt: Interrupt, lock: str | None = None
) -> fn_runner.FnApiRunner:
    """Makes the local runner, and sets the options that belong to it.

    Args:
      options: the pipeline's options, changed in place.
      workers: how many; one works in this process, more are processes.
      interrupt: told of a worker process that dies.
      lock: a local folder that every worker process holds for as long as it
        lives, so that a later run can wait for those whose launcher is dead.
    """
    direct = options.view_as(DirectOptions)
    direct.direct_num_workers = workers
    if direct.direct_running_mode == 'multi_processing':
        direct.direct_running_mode = 'in_memory'  # or Beam would set its own command
    if workers == 1:
        environment = environments.EmbeddedPythonEnvironment.default()
    else:
        processes = LocalProcesses(_worker_command(options.verbose, lock), interrupt)
        environment = environments.SubprocessSDKEnvironment.from_command_string(
            processes.job
        )
    provision_info = beam_provision_api_pb2.ProvisionInfo(
        pipeline_options=JobServiceHandle.encode_pipeline_options(
            options.get_all_options()
        )
    )
    return fn_runner.FnApiRunner(
        default_environment=environment,
        provision_info=fn_runner.ExtendedProvisionInfo(provision_info),
    )
