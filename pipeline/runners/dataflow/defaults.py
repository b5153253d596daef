"""The options that a job on Dataflow gets unless a flag sets them."""

import os
import pathlib
from typing import Any

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    WorkerOptions,
)

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.runners.job_name import job_name

# Nothing of this was measured on Dataflow: "measured" means on one machine, the rest is
# arithmetic from what Google and Beam document.
DEFAULTS: tuple[tuple[type[PipelineOptions], str, Any], ...] = (
    # Dataflow starts one process per core. Each may need 0.7 GB with TensorFlow
    # (measured), 0.06 GB for the index table, and about 0.04 GB for what each of its
    # threads prefetches and uploads: 1 GB of the 4 GB per core of a "standard" machine.
    # A "highcpu" machine has less.
    (WorkerOptions, 'machine_type', 'e2-standard-4'),
    # Images and shards never touch a worker's disk. It holds the system, Beam's image,
    # and what each of four processes installs for itself: 2.8 GB with TensorFlow
    # (measured). The type of disk is left to the service, as nothing waits for it.
    (WorkerOptions, 'disk_size_gb', 50),
    # 32 cores. An image takes 3.2 ms of a core, most of it to fetch it (measured without
    # encryption): 10,000 images per second. A bucket starts at 5,000 reads per second.
    # Until it has adapted, more machines would wait and cost money: at that rate the
    # 1,281,167 images take 4 minutes.
    (WorkerOptions, 'max_num_workers', 8),
    # Each thread makes a shard with 32 fetches in flight. Dataflow's own default of 12
    # would take three times the memory, and a process has one core for all of them.
    (DebugOptions, 'number_of_worker_harness_threads', 4),
    # All that workers call is in modules, which they install. By default Beam would also
    # have them load a copy of the launcher's main module.
    (SetupOptions, 'save_main_session', False),
)


def set_defaults(options: BuildOptions, writes: str) -> None:
    """Sets the options that no flag has set.

    Args:
      options: the pipeline's options.
      writes: the output directory; '' if there is none.

    Raises:
      UserError: there is no package that workers could install.
    """
    workers = options.view_as(WorkerOptions)
    if workers.max_num_workers is None and workers.num_workers:
        workers.max_num_workers = workers.num_workers  # it may be above the default
    for view, flag, value in DEFAULTS:
        if getattr(options.view_as(view), flag) is None:
            setattr(options.view_as(view), flag, value)
    cloud = options.view_as(GoogleCloudOptions)
    if cloud.job_name is None:
        cloud.job_name = job_name(writes)
    setup = options.view_as(SetupOptions)
    if setup.setup_file:  # Beam fails if the path has no folder
        setup.setup_file = os.path.abspath(setup.setup_file)
    if not (setup.setup_file or setup.extra_packages or workers.sdk_container_image):
        setup.setup_file = str(_own_setup_file())


def _own_setup_file() -> pathlib.Path:
    """Returns the path of this checkout's ``setup.py``.

    Raises:
      UserError: this package does not run from a checkout.
    """
    path = pathlib.Path(__file__).resolve().parents[3] / 'setup.py'
    if path.is_file() and (path.parent / 'transforms').is_dir():
        return path
    raise UserError(
        'workers could not install this package, as it is installed without its '
        'setup.py; use ./run_dataflow.sh of a checkout, or give '
        '--setup_file=CHECKOUT/setup.py or an image that has the package with '
        '--sdk_container_image'
    )
