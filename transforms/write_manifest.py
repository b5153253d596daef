"""Writes the manifest and the offsets of a split, as the job's last step.

Everything is taken from the reports: one report a shard, whatever was attempted
or done twice on the way. If shards had to be left out there is no manifest, only
the summary and the lists of what is not there.
"""

import collections
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np

from indexed_imagenet.text import printable
from indexed_imagenet.transforms.elements import Rejection, ShardReport
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.index_file import read_split_index
from indexed_imagenet.transforms.formats.layout import (
    atomic_open,
    atomic_write,
    summary_path,
)
from indexed_imagenet.transforms.formats.manifest import (
    Manifest,
    ShardEntry,
    manifest_path,
)
from indexed_imagenet.transforms.formats.offsets import (
    RecordOffsets,
    make_offsets,
    offsets_path,
)
from indexed_imagenet.transforms.formats.shard_info import CHECKS, digest_records
from indexed_imagenet.transforms.images.check_image import CMYK, PNG
from indexed_imagenet.transforms.reduce import ReduceGlobally
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.write_tfrecord import shard_names

# Rejected images that the summary names; all of them are in the list.
NAMED = 5


def summarize(reports: Sequence[ShardReport]) -> dict[str, Any]:
    """Adds up the reports of all shards of one split.

    Args:
      reports: in the order of their shards.

    Returns:
      What goes into the summary's JSON file: counts, the first rejected
      images, and the seconds from the first read to the last commit.
    """
    there = [report for report in reports if report.record is not None]
    new = [report for report in there if not report.kept]
    labels = [report.labels for report in there]
    sources = collections.Counter(
        entry.source for report in there for entry in report.record.converted
    )
    return {
        'shards': len(reports),
        'shards_there': len(there),
        'shards_kept': len(there) - len(new),
        'examples': sum(len(report.record.content) for report in there),
        'new_examples': sum(len(report.record.content) for report in new),
        'bytes': sum(report.record.num_bytes for report in there),
        'classes': len(np.unique(np.concatenate(labels))) if labels else 0,
        'converted_png': sources[PNG],
        'converted_cmyk': sources[CMYK],
        'missing': sum(len(report.missing) for report in reports),
        'rejected': sum(report.rejected.count for report in reports),
        'first_rejected': _first_rejected(reports),
        'seconds': _seconds(new),
    }


def _seconds(made: Sequence[ShardReport]) -> float:
    if not made:
        return 0.0
    return max(r.finished for r in made) - min(r.started for r in made)


def _first_rejected(reports: Iterable[ShardReport]) -> list[dict[str, Any]]:
    first = []
    for report in reports:
        if report.rejected.count:
            first += report.rejected.unpack()[:NAMED]
            if len(first) >= NAMED:
                break
    return [rejection._asdict() for rejection in first[:NAMED]]


def make_manifest(
    reports: Sequence[ShardReport], build_id: BuildId, offsets: RecordOffsets
) -> Manifest:
    """Describes a split of which every shard is there.

    Args:
      reports: in the order of their shards.
      build_id: of the build.
      offsets: of all its records.
    """
    summary = summarize(reports)
    records = [report.record for report in reports]
    names = shard_names(build_id.split, build_id.num_shards)
    skipped = [r.index for report in reports for r in report.rejected.unpack()]
    return Manifest(
        build_id=build_id,
        examples=summary['examples'],
        classes=summary['classes'],
        bytes=summary['bytes'],
        fingerprint=digest_records(offsets.in_order_of_index()),
        check=min((record.check for record in records), key=CHECKS.index),
        missing=tuple(_missing(reports).tolist()),
        skipped=tuple(sorted(skipped)),
        converted=tuple(sorted(c for record in records for c in record.converted)),
        shards=tuple(
            ShardEntry(
                name, len(record.content), record.num_bytes, record.digest, record.rows
            )
            for name, record in zip(names, records, strict=True)
        ),
    )


def missing_path(output_directory: str, split: str) -> str:
    """The list of the index's images that are not there."""
    return files.join(output_directory, f'missing-{split}.csv')


def rejected_path(output_directory: str, split: str) -> str:
    """The list of the images that cannot be used."""
    return files.join(output_directory, f'rejected-{split}.csv')


def _rejections(reports: Iterable[ShardReport]) -> Iterator[Rejection]:
    """All rejected images, shard by shard: they need not be in memory together."""
    for report in reports:
        if report.rejected.count:
            yield from report.rejected.unpack()


def _missing(reports: Iterable[ShardReport]) -> np.ndarray:
    return np.sort(np.concatenate([report.missing for report in reports]))


def _write_list(
    path: str, header: tuple[str, ...], rows: Iterable[tuple], output_directory: str
) -> None:
    # Row by row: of an incomplete training set, a million are missing.
    with atomic_open(path, output_directory) as file:
        text = io.TextIOWrapper(file, 'utf-8', newline='', write_through=True)
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(header)
        writer.writerows(rows)
        text.detach()


def _write_lists(
    reports: Sequence[ShardReport], split: str, output_directory: str, index_file: str
) -> None:
    missing = _missing(reports).tolist()
    if missing:
        names = read_split_index(index_file, split).names
        rows = ((index, printable(names[index])) for index in missing)
        path = missing_path(output_directory, split)
        _write_list(path, ('index', 'filename'), rows, output_directory)
    if any(report.rejected.count for report in reports):
        path = rejected_path(output_directory, split)
        _write_list(path, Rejection._fields, _rejections(reports), output_directory)


def _check_files(
    reports: Sequence[ShardReport], build_id: BuildId, output_directory: str
) -> None:
    """Looks at the files once more before the manifest vouches for them.

    Raises:
      RuntimeError: one is not as its report says.
    """
    found = files.sizes(output_directory)
    names = shard_names(build_id.split, build_id.num_shards)
    for name, report in zip(names, reports, strict=True):
        if found.get(name) != report.record.num_bytes:
            raise RuntimeError(
                f'{files.join(output_directory, name)} has {found.get(name, 0):,} bytes, '
                f'expected {report.record.num_bytes:,}: something else has changed it'
            )


def write_manifest(
    reports: Iterable[ShardReport],
    build_id: BuildId,
    output_directory: str,
    index_file: str,
) -> str:
    """Writes all that is to be said of one split once its shards are done.

    ``missing-SPLIT.csv`` and ``rejected-SPLIT.csv`` go beside the shards if there
    is something to list. If every shard is there, the offsets follows, and the
    manifest last. The summary goes into the working folder.

    Returns:
      The summary's path.

    Raises:
      RuntimeError: not every shard has reported exactly once.
    """
    reports = sorted(reports, key=lambda report: report.shard)
    split, num_shards = build_id.split, build_id.num_shards
    shards = [report.shard for report in reports]
    if shards != list(range(num_shards)):
        raise RuntimeError(
            f'{len(reports)} reports on {len(set(shards))} shards of {split}, expected '
            f'one on each of {num_shards}'
        )
    _write_lists(reports, split, output_directory, index_file)
    summary = summarize(reports)
    if summary['shards_there'] == num_shards:
        _check_files(reports, build_id, output_directory)
        files.fsync_dir(output_directory)  # the shards' names, before the manifest's
        records = {report.shard: report.record for report in reports}
        offsets = make_offsets(records, build_id.num_examples)
        path = offsets_path(output_directory, split)
        atomic_write(path, offsets.to_npz(), output_directory, durable=True)
        manifest = make_manifest(reports, build_id, offsets)
        path = manifest_path(output_directory, split)
        atomic_write(path, manifest.to_json(), output_directory, durable=True)
        files.fsync_dir(output_directory)
        summary['complete'] = manifest.complete
        summary['fingerprint'] = manifest.fingerprint
    path = summary_path(output_directory, split)
    atomic_write(path, json.dumps(summary).encode(), output_directory)
    return path


class WriteManifest(beam.PTransform):
    """Takes the ``ShardReport``s of one split, writes manifest, offsets and lists."""

    def __init__(self, build_id: BuildId, output_directory: str, index_file: str):
        super().__init__()
        self._arguments = (build_id, output_directory, index_file)

    def expand(self, reports):
        return reports | 'Write manifest, offsets and lists' >> ReduceGlobally(
            write_manifest, *self._arguments
        )
