"""Dataflow: the defaults of a job there, and the flags that could not work.

A job that cannot work is found here at once: on Dataflow it would be found by
machines that take minutes to start.
"""

import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    TestOptions,
    WorkerOptions,
)

from indexed_imagenet.errors import UserError
from indexed_imagenet.options import BuildOptions
from indexed_imagenet.preflight.store_access import is_installed
from indexed_imagenet.runners.job_name import job_name
from indexed_imagenet.runners.select import runner_name
from indexed_imagenet.transforms.storage import files

# What a job gets unless a flag says otherwise. Nothing of this was measured on
# Dataflow: "measured" is on one machine, the rest is arithmetic, from what Google
# and Beam document.
DEFAULTS: tuple[tuple[type[PipelineOptions], str, Any], ...] = (
    # Dataflow starts a process a core. Each may need 0.7 GB with TensorFlow
    # (measured), 0.06 GB for the index table, and some 0.04 GB for what each of its
    # threads fetches ahead and uploads: 1 GB of the 4 GB a core that a "standard"
    # machine has, and a "highcpu" one has not.
    (WorkerOptions, 'machine_type', 'e2-standard-4'),
    # Images and shards never touch a worker's disk. It holds the system, Beam's
    # image, and what each of four processes installs for itself: TensorFlow and all
    # are 2.8 GB (measured). The type is left to the service: nothing waits for it.
    (WorkerOptions, 'disk_size_gb', 50),
    # 32 cores. An image takes a core 3.2 ms, most of it to fetch it (measured without
    # encryption): 10,000 images a second. A bucket begins at 5,000 reads a second, so
    # more machines would wait, and cost, until it has adapted: the 1,281,167 take
    # 4 minutes at that rate.
    (WorkerOptions, 'max_num_workers', 8),
    # Each makes a shard and has 32 fetches under way. Dataflow's own 12 would take
    # three times the memory, and a process has but one core for them.
    (DebugOptions, 'number_of_worker_harness_threads', 4),
    # All that workers call stands in modules, which they install. Beam would have
    # them load a copy of the launcher's main module, too.
    (SetupOptions, 'save_main_session', False),
)

_FOLDER_URL = re.compile(r'gs://[a-z0-9][-_a-z0-9.]+[a-z0-9]/.*')


def prepare_dataflow(
    options: BuildOptions, paths: Mapping[str, str | None], writes: str
) -> None:
    """Gives a job on Dataflow its defaults, and finds flags that would make it fail.

    Does nothing for another runner.

    Args:
      options: the pipeline's; what no flag has set is filled in.
      paths: what workers read and write themselves, by what gives it.
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
            "installed; use ./run_dataflow.sh, or pip install 'apache-beam[gcp]'"
        )


def _check_flags(options: BuildOptions, paths: dict[str, str]) -> None:
    cloud = options.view_as(GoogleCloudOptions)
    # Dataflow's own rule: either stands for the other.
    cloud.temp_location = cloud.temp_location or cloud.staging_location
    missing = [
        f'--{flag}'
        for flag in ('project', 'region', 'temp_location')
        if not getattr(cloud, flag)
    ]
    if missing:
        are = 'is' if len(missing) == 1 else 'are'
        raise UserError(f'{", ".join(missing)} {are} missing, which Dataflow needs')
    for flag in ('temp_location', 'staging_location'):
        url = getattr(cloud, flag)
        if url and not _FOLDER_URL.fullmatch(url):
            raise UserError(
                f'--{flag} is {url!r}, expected gs://BUCKET/FOLDER, a bucket having 3 '
                'letters or more'
            )
    if cloud.template_location or options.view_as(TestOptions).dry_run:
        raise UserError(
            '--template_location and --dry_run submit no job, and this command waits for '
            'the end of one; leave them out'
        )
    for flag, path in paths.items():
        if files.is_local(path):
            raise UserError(
                f'{flag} {path} is on this machine, where workers of Dataflow cannot '
                'see it; copy it into a bucket, and give its gs:// URL'
            )


def set_defaults(options: BuildOptions, writes: str) -> None:
    """Fills in what no flag has set.

    Args:
      options: the pipeline's.
      writes: the output directory; '' if there is none.

    Raises:
      UserError: there is no package that workers could install.
    """
    workers = options.view_as(WorkerOptions)
    if workers.max_num_workers is None and workers.num_workers:
        workers.max_num_workers = workers.num_workers  # or it may be above the default
    for view, flag, value in DEFAULTS:
        if getattr(options.view_as(view), flag) is None:
            setattr(options.view_as(view), flag, value)
    cloud = options.view_as(GoogleCloudOptions)
    if cloud.job_name is None:
        cloud.job_name = job_name(writes)
    setup = options.view_as(SetupOptions)
    if setup.setup_file:  # Beam fails with a name that has no folder
        setup.setup_file = os.path.abspath(setup.setup_file)
    if not (setup.setup_file or setup.extra_packages or workers.sdk_container_image):
        setup.setup_file = str(_own_setup_file())


def _own_setup_file() -> pathlib.Path:
    path = pathlib.Path(__file__).resolve().parents[3] / 'setup.py'
    if path.is_file() and (path.parent / 'transforms').is_dir():
        return path
    raise UserError(
        'workers would not have this package: it was installed without its setup.py; '
        'use ./run_dataflow.sh of a checkout, or give --setup_file=CHECKOUT/setup.py, or '
        'an image that holds it with --sdk_container_image'
    )
