"""Writes the manifest and the offsets of a split, as the job's last step.

Everything is taken from the reports: one report per shard, whatever was attempted or
done twice on the way. If shards had to be left out, or too many images, there is no
manifest, only the summary and the lists of what is missing and what was rejected.
"""

import collections
import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import apache_beam as beam
import numpy as np

from indexed_imagenet.text import MAX_SHOWN_CASES, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.elements import (
    FinishedShard,
    Rejection,
    ShardReport,
    UnwrittenShard,
)
from indexed_imagenet.transforms.encode_shards import (
    MAX_BAD_FRACTION,
    MIN_BAD_IMAGES,
    could_not_be_read,
)
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.build_plan import BuildPlan, write_build_plan
from indexed_imagenet.transforms.formats.image_warnings import ImageWarning
from indexed_imagenet.transforms.formats.index_file import (
    SplitIndex,
    read_split_index,
    read_split_scores,
)
from indexed_imagenet.transforms.formats.manifest import Manifest, ShardEntry
from indexed_imagenet.transforms.formats.offsets import RecordOffsets, make_offsets
from indexed_imagenet.transforms.formats.scores import scores_to_npz
from indexed_imagenet.transforms.formats.shard_info import (
    CHECKS,
    CMYK,
    PNG,
    digest_records,
)
from indexed_imagenet.transforms.reduce import ReduceGlobally
from indexed_imagenet.transforms.storage.atomic import atomic_open, atomic_write


def _finished(reports: Iterable[ShardReport]) -> list[FinishedShard]:
    return [report for report in reports if isinstance(report, FinishedShard)]


def summarize(reports: Sequence[ShardReport]) -> dict[str, Any]:
    """Adds up the reports on all shards of one split.

    Args:
      reports: in the order of their shards.

    Returns:
      What goes into the summary's JSON file: counts, the first rejected
      images, and the seconds from the first read to the last commit.
    """
    finished = _finished(reports)
    new = [report for report in finished if not report.kept]
    labels = [report.labels for report in finished]
    sources = collections.Counter(
        entry.source for report in finished for entry in report.info.converted
    )
    return {
        'shards': len(reports),
        'shards_there': len(finished),
        'shards_kept': len(finished) - len(new),
        'examples': sum(len(report.info.records) for report in finished),
        'new_examples': sum(len(report.info.records) for report in new),
        'bytes': sum(report.info.num_bytes for report in finished),
        'classes': len(np.unique(np.concatenate(labels))) if labels else 0,
        'converted_png': sources[PNG],
        'converted_cmyk': sources[CMYK],
        'missing': sum(len(report.missing) for report in reports),
        'rejected': sum(report.rejected.count for report in reports),
        'unreadable': sum(map(could_not_be_read, _rejections(reports))),
        'damaged': [report.shard for report in finished if report.damaged],
        'first_rejected': _first_rejected(reports),
        'warnings': sum(report.info.warnings.count for report in finished),
        'seconds': _seconds(new),
    }


def _seconds(made: Sequence[FinishedShard]) -> float:
    if not made:
        return 0.0
    return max(r.finished for r in made) - min(r.started for r in made)


def _first_rejected(reports: Iterable[ShardReport]) -> list[dict[str, Any]]:
    first: list[Rejection] = []
    for report in reports:
        if report.rejected.count:
            first += report.rejected.unpack()[:MAX_SHOWN_CASES]
            if len(first) >= MAX_SHOWN_CASES:
                break
    return [dataclasses.asdict(rejection) for rejection in first[:MAX_SHOWN_CASES]]


def make_manifest(
    reports: Sequence[FinishedShard], build_id: BuildId, offsets: RecordOffsets
) -> Manifest:
    """Describes a split whose shards are all finished.

    Args:
      reports: in the order of their shards.
      build_id: of the build.
      offsets: of all its records.
    """
    summary = summarize(reports)
    infos = [report.info for report in reports]
    names = layout.shard_names(build_id.split, build_id.shuffle.num_shards)
    skipped = [r.index for report in reports for r in report.rejected.unpack()]
    return Manifest(
        build_id=build_id,
        examples=summary['examples'],
        classes=summary['classes'],
        bytes=summary['bytes'],
        fingerprint=digest_records(offsets.in_order_of_index()),
        check=min((info.check for info in infos), key=CHECKS.index),
        missing=tuple(_missing(reports).tolist()),
        skipped=tuple(sorted(skipped)),
        converted=tuple(sorted(entry for info in infos for entry in info.converted)),
        shards=tuple(
            ShardEntry(name, len(info.records), info.num_bytes, info.digest, info.rows)
            for name, info in zip(names, infos, strict=True)
        ),
    )


def _rejections(reports: Iterable[ShardReport]) -> Iterator[Rejection]:
    """Yields all rejected images, shard by shard: together they may be too many."""
    for report in reports:
        if report.rejected.count:
            yield from report.rejected.unpack()


def _missing(reports: Iterable[ShardReport]) -> np.ndarray:
    return np.sort(np.concatenate([report.missing for report in reports]))


def _write_list(
    path: str,
    header: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
    output_directory: str,
) -> None:
    # Row by row: of an incomplete training set, a million are missing.
    with atomic_open(path, layout.staging_dir(output_directory)) as file:
        buffer = io.StringIO(newline='')
        writer = csv.writer(buffer, lineterminator='\n')
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            if buffer.tell() > 1 << 16:
                file.write(buffer.getvalue().encode())
                buffer.seek(0)
                buffer.truncate()
        file.write(buffer.getvalue().encode())


def _write_lists(
    reports: Sequence[ShardReport],
    split: str,
    output_directory: str,
    index: SplitIndex,
) -> None:
    missing = _missing(reports).tolist()
    if missing:
        rows = ((number, printable(index.names[number])) for number in missing)
        path = layout.missing_path(output_directory, split)
        _write_list(path, ('index', 'filename'), rows, output_directory)
    if any(report.rejected.count for report in reports):
        path = layout.rejected_path(output_directory, split)
        header = [field.name for field in dataclasses.fields(Rejection)]
        rejected = map(dataclasses.astuple, _rejections(reports))
        _write_list(path, header, rejected, output_directory)
    infos = [report.info for report in _finished(reports)]
    if any(info.warnings.count for info in infos):
        path = layout.warnings_path(output_directory, split)
        header = [field.name for field in dataclasses.fields(ImageWarning)]
        # Shard by shard, like the rejections.
        warnings = (dataclasses.astuple(w) for i in infos for w in i.warnings.unpack())
        _write_list(path, header, warnings, output_directory)


def _check_files(
    reports: Sequence[FinishedShard], build_id: BuildId, output_directory: str
) -> None:
    """Checks the files' sizes once more before the manifest vouches for them.

    Raises:
      RuntimeError: one is not as its report says.
    """
    found = storage.sizes(output_directory)
    names = layout.shard_names(build_id.split, build_id.shuffle.num_shards)
    for name, report in zip(names, reports, strict=True):
        if found.get(name) != report.info.num_bytes:
            raise RuntimeError(
                f'{storage.join(output_directory, name)} has {found.get(name, 0):,} '
                f'bytes (expected {report.info.num_bytes:,}): another program has '
                'changed it'
            )


def _write_data_set(
    reports: Sequence[FinishedShard],
    build_id: BuildId,
    output_directory: str,
    index: SplitIndex,
    scores: Mapping[str, np.ndarray],
) -> Manifest:
    """Writes scores, offsets and, last of all, the manifest.

    Every shard's name is on the disk before the manifest's.
    """
    split, staging_dir = build_id.split, layout.staging_dir(output_directory)
    _check_files(reports, build_id, output_directory)
    storage.fsync_dir(output_directory)
    if scores:
        path = layout.scores_path(output_directory, split)
        atomic_write(path, scores_to_npz(scores), staging_dir, durable=True)
    infos = {report.shard: report.info for report in reports}
    offsets = make_offsets(infos, index)
    path = layout.offsets_path(output_directory, split)
    atomic_write(path, offsets.to_npz(), staging_dir, durable=True)
    manifest = make_manifest(reports, build_id, offsets)
    path = layout.manifest_path(output_directory, split)
    atomic_write(path, manifest.to_json(), staging_dir, durable=True)
    storage.fsync_dir(output_directory)
    return manifest


def has_too_few_images(summary: Mapping[str, Any], max_bad_fraction: float) -> bool:
    """Returns whether so many images of a split are bad that it gets no manifest.

    A few bad images are an exception, whatever their share of a small split. A split
    without a record is never a data set.

    Args:
      summary: from ``summarize``.
      max_bad_fraction: the share of the images found, 0 to 1, that may be bad.
    """
    examples, bad = summary['examples'], summary['rejected']
    is_exception = bad <= max(MIN_BAD_IMAGES, max_bad_fraction * (examples + bad))
    return not (examples and is_exception)


def _note_rejected(
    reports: Sequence[ShardReport],
    summary: Mapping[str, Any],
    build_id: BuildId,
    output_directory: str,
) -> None:
    """Notes how many images are bad, for a later run that does not find them."""
    if any(isinstance(report, UnwrittenShard) and report.blocked for report in reports):
        return
    images = build_id.shuffle.num_examples - summary['missing']
    bad = summary['rejected'] - summary['unreadable']
    write_build_plan(BuildPlan(build_id, images, bad), output_directory)


def write_manifest(
    reports: Iterable[ShardReport],
    build_id: BuildId,
    output_directory: str,
    index_file: str,
    max_bad_fraction: float = MAX_BAD_FRACTION,
) -> str:
    """Writes everything there is to say about one split once its shards are done.

    ``missing-SPLIT.csv``, ``rejected-SPLIT.csv`` and ``warnings-SPLIT.csv`` are written
    beside the shards if there is something to list. If every shard is finished and not
    too many images are bad, scores and offsets follow, and the manifest last. The summary
    goes into the staging folder.

    Returns:
      The summary's path.

    Raises:
      RuntimeError: not every shard has reported exactly once.
    """
    reports = sorted(reports, key=lambda report: report.shard)
    split, num_shards = build_id.split, build_id.shuffle.num_shards
    shards = [report.shard for report in reports]
    if shards != list(range(num_shards)):
        raise RuntimeError(
            f'{len(reports)} reports on {len(set(shards))} shards of {split} (expected '
            f'one on each of {num_shards})'
        )
    index = read_split_index(index_file, split)
    _write_lists(reports, split, output_directory, index)
    summary = summarize(reports)
    if len(_finished(reports)) < num_shards or has_too_few_images(
        summary, max_bad_fraction
    ):
        _note_rejected(reports, summary, build_id, output_directory)
    else:
        finished = cast(list[FinishedShard], reports)
        scores = read_split_scores(index_file, split)
        manifest = _write_data_set(finished, build_id, output_directory, index, scores)
        summary['complete'] = manifest.complete
        summary['fingerprint'] = manifest.fingerprint
    path = layout.summary_path(output_directory, split)
    content = json.dumps(summary).encode()
    atomic_write(path, content, layout.staging_dir(output_directory))
    return path


class WriteManifest(beam.PTransform):
    """Takes the ``ShardReport``s of one split, writes manifest, offsets and lists."""

    def __init__(
        self,
        build_id: BuildId,
        output_directory: str,
        index_file: str,
        max_bad_fraction: float = MAX_BAD_FRACTION,
    ):
        super().__init__()
        self._arguments = (build_id, output_directory, index_file, max_bad_fraction)

    def expand(self, reports: beam.PCollection) -> beam.PCollection:
        return reports | 'Write manifest, offsets and lists' >> ReduceGlobally(
            write_manifest, *self._arguments
        )
