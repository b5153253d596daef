"""Adds up what the shards report, and writes it down as the job's last step.

The counts are those of the reports: one report a shard, whatever was attempted
or done twice on the way.
"""

import collections
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np

from transforms import files
from transforms.index_file import read_split_index
from transforms.load_picture import CMYK, PNG
from transforms.records import Rejection, ShardReport
from transforms.working_folder import summary_path, whole_file, write_whole

# Rejected images that the summary names; all of them are in the list.
NAMED = 5


def summarize(reports: Sequence[ShardReport]) -> dict[str, Any]:
    """Adds up the reports of all shards of one split.

    Returns:
      What goes into the summary's JSON file: counts, the first rejected
      images, and the times of the first read and the last commit in seconds
      since 1970.
    """
    written = [report for report in reports if report.written]
    labels = [report.end.labels for report in written]
    sources = collections.Counter(
        source for report in written for _, source in report.end.converted
    )
    return {
        'shards': len(reports),
        'shards_written': len(written),
        'examples': sum(report.end.num_records for report in written),
        'bytes': sum(report.num_bytes for report in written),
        'classes': len(np.unique(np.concatenate(labels))) if labels else 0,
        'converted_png': sources[PNG],
        'converted_cmyk': sources[CMYK],
        'missing': sum(len(report.end.missing) for report in reports),
        'rejected': sum(len(report.end.rejected) for report in reports),
        'first_rejected': [r._asdict() for r in _rejections(reports)[:NAMED]],
        'started': min(report.end.started for report in reports),
        'finished': max(report.finished for report in reports),
    }


def missing_path(output_directory: str, split: str) -> str:
    """The list of the index's images that are not there."""
    return files.join(output_directory, f'missing-{split}.csv')


def rejected_path(output_directory: str, split: str) -> str:
    """The list of the images that cannot be used."""
    return files.join(output_directory, f'rejected-{split}.csv')


def _rejections(reports: Iterable[ShardReport]) -> list[Rejection]:
    return sorted(rejection for report in reports for rejection in report.end.rejected)


def _missing(reports: Iterable[ShardReport], names: np.ndarray) -> Iterator[tuple]:
    missing = np.sort(np.concatenate([report.end.missing for report in reports]))
    return ((index, files.show_name(names[index])) for index in missing.tolist())


def _write_list(
    path: str, header: tuple[str, ...], rows: Iterable[tuple], output_directory: str
) -> None:
    # Row by row: of an incomplete training set, a million are missing.
    with whole_file(path, output_directory) as file:
        text = io.TextIOWrapper(file, 'utf-8', newline='', write_through=True)
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(header)
        writer.writerows(rows)
        text.detach()


def write_summary(
    reports: Sequence[ShardReport],
    split: str,
    output_directory: str,
    num_shards: int,
    index_file: str,
) -> str:
    """Writes the summary of one split, and the lists of what is not in it.

    ``missing-SPLIT.csv`` and ``rejected-SPLIT.csv`` go beside the shards if there
    is something to list. The summary goes into the working folder, last.

    Returns:
      The summary's path.

    Raises:
      RuntimeError: not every shard has reported exactly once.
    """
    shards = sorted(report.end.shard for report in reports)
    if shards != list(range(num_shards)):
        raise RuntimeError(
            f'{len(reports)} reports on {len(set(shards))} shards of {split}, expected '
            f'one on each of {num_shards}'
        )
    summary = summarize(reports)
    if summary['missing']:
        names = read_split_index(index_file, split).names
        path = missing_path(output_directory, split)
        rows = _missing(reports, names)
        _write_list(path, ('index', 'filename'), rows, output_directory)
    if summary['rejected']:
        path = rejected_path(output_directory, split)
        _write_list(path, Rejection._fields, _rejections(reports), output_directory)
    path = summary_path(output_directory, split)
    write_whole(path, json.dumps(summary).encode(), output_directory)
    return path


class WriteSummary(beam.PTransform):
    """Takes the ``ShardReport``s of one split, writes its summary and lists."""

    def __init__(
        self, split: str, output_directory: str, num_shards: int, index_file: str
    ):
        super().__init__()
        self._arguments = (split, output_directory, num_shards, index_file)

    def expand(self, reports):
        return (
            reports
            | 'Gather shard reports' >> beam.combiners.ToList()
            | 'Write summary and lists' >> beam.Map(write_summary, *self._arguments)
        )
