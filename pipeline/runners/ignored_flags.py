"""Reports the flags that the selected runner ignores.

Beam parses the options of every runner, and each runner ignores those of the others
without a word.
"""

import argparse
from collections.abc import Iterator, Sequence

from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    GoogleCloudOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
    PrismRunnerOptions,
    SparkRunnerOptions,
    WorkerOptions,
)

from indexed_imagenet.options import WORKER_FLAGS, is_set

# Who heeds the options of a class; the local runner is ''.
_HEEDED_BY: dict[type[PipelineOptions], tuple[str, ...]] = {
    DirectOptions: ('', 'direct'),
    WorkerOptions: ('dataflow',),
    GoogleCloudOptions: ('dataflow',),
    FlinkRunnerOptions: ('flink',),
    JobServerOptions: ('flink', 'spark'),
    PortableOptions: ('flink', 'prism', 'spark'),
    PrismRunnerOptions: ('prism',),
    SparkRunnerOptions: ('spark',),
}

# Options of these classes that more than those runners heed, or stores, or ourselves.
_HEEDED_BY_OTHERS = (
    '--project',
    '--temp_location',
    '--no_auth',
    '--impersonate_service_account',
    '--gcp_oauth_scope',
    '--gcp_oauth_scopes',
    '--enable_bucket_read_metric_counter',
    '--enable_bucket_write_metric_counter',
    '--no_gcsio_throttling_counter',
    '--enable_gcsio_blob_generation',
    '--gcs_custom_audit_entry',
    '--gcs_custom_audit_entries',
    '--sdk_container_image',
    '--sdk_harness_container_image_overrides',
    '--default_sdk_harness_log_level',
    '--sdk_harness_log_level_overrides',
    '--max_cache_memory_usage_mb',
    '--element_processing_timeout_minutes',
)

# Flags for the number of workers, of any runner.
_NUM_WORKERS = ('--num_workers', '--max_num_workers', '--direct_num_workers')


def _options_of(cls: type[PipelineOptions]) -> Iterator[str]:
    parser = argparse.ArgumentParser(add_help=False)
    cls._add_argparse_args(parser)
    for action in parser._actions:
        yield from action.option_strings


def ignored_flags(runner: str, argv: Sequence[str]) -> list[str]:
    """Returns the flags among ``argv`` that a runner ignores, such as ``--region``.

    Args:
      runner: from ``select.runner_name``. The job server of ``portable`` may be any
        runner's, and nothing is known of a runner that is not listed here.
      argv: the flags.
    """
    if runner not in {'', *(name for names in _HEEDED_BY.values() for name in names)}:
        return []
    return [
        option
        for cls, runners in _HEEDED_BY.items()
        if runner not in runners
        for option in _options_of(cls)
        if option not in _HEEDED_BY_OTHERS and is_set(option.removeprefix('--'), argv)
    ]


def ignored_note(
    runner: str, argv: Sequence[str], also_heeded: Sequence[str] = ()
) -> str | None:
    """Returns the line about the flags that a runner ignores; None if there are none.

    Args:
      runner: from ``select.runner_name``.
      argv: the flags.
      also_heeded: flags of others that count this time.
    """
    flags = [flag for flag in ignored_flags(runner, argv) if flag not in also_heeded]
    if not flags:
        return None
    where = f'--runner={runner}' if runner else 'the local runner'
    line = f'note: {where} ignores {", ".join(flags)}'
    counts = WORKER_FLAGS.get(runner)
    if counts and any(flag in _NUM_WORKERS for flag in flags):
        line += f'; the number of workers is --{counts}'
    return line
