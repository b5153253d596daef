"""``build``: checks flags and access, runs the job and prints its summary."""

import functools
from collections.abc import Sequence

from apache_beam.io.filesystems import FileSystems
from rich.console import Console

from indexed_imagenet.build import build_graph
from indexed_imagenet.console import open_stderr, print_line
from indexed_imagenet.options import parse_options, worker_paths
from indexed_imagenet.output.open_output import open_output
from indexed_imagenet.output.tfds_metadata import write_tfds_metadata
from indexed_imagenet.preflight.access import check_access
from indexed_imagenet.preflight.build_inputs import prepare_job
from indexed_imagenet.report.progress import ProgressWatcher
from indexed_imagenet.report.summary import print_summary
from indexed_imagenet.runners.execute import run_job
from indexed_imagenet.runners.select import open_runner
from indexed_imagenet.signals import Interrupt


def run(argv: Sequence[str]) -> None:
    """Builds the splits that the flags name, and prints the summary.

    Args:
      argv: the flags.

    Raises:
      UserError: a flag or the input is wrong, or the job failed.
    """
    options = parse_options(argv)
    FileSystems.set_options(options)
    check_access(options, worker_paths(options), options.output_directory or '')
    job = prepare_job(options)
    interrupt = Interrupt()
    with (
        open_stderr() as stderr,
        open_runner(options, argv, interrupt, job.output_directory) as handle,
        open_output(job.output_directory, interrupt),
    ):
        err = Console(file=stderr)
        for split in job.splits:
            sources = split.sources
            print_line(err, f'{split.name}: {sources.shown} ({sources.description})')
        try:
            with ProgressWatcher(job.output_directory, err):
                add_steps = functools.partial(build_graph, job=job)
                run_job(add_steps, options, handle, interrupt, err)
        finally:
            synsets = [label.synset for label in job.labels]
            write_tfds_metadata(job.output_directory, synsets)
        print_summary(job, Console(), err)
