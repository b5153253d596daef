"""The report of a finished data set: what it holds, on one page."""

import csv
import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from indexed_imagenet import __version__
from indexed_imagenet.pages.charts import bar_chart, histogram
from indexed_imagenet.pages.templates import render, template_text
from indexed_imagenet.readers.batches import read_batches
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.text import counted, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.manifest import Manifest
from indexed_imagenet.transforms.formats.scores import read_scores

# Records that are read for the sizes of their pictures; the page says so.
_SAMPLE = 1_000
# Rows of a list that the page shows; the CSV file beside the shards has all.
MAX_ROWS = 100

_CITATION = """\
@inproceedings{feldman2020what,
  title     = {What Neural Networks Memorize and Why:
               Discovering the Long Tail via Influence Estimation},
  author    = {Feldman, Vitaly and Zhang, Chiyuan},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {33},
  pages     = {2881--2891},
  year      = {2020}
}"""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A list of the page.

    Attributes:
      title: printed above.
      head, rows: the cells.
      count: the number of all rows, of which the first are shown.
      file: the name of the file that has all; '' if there is none.
    """

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    count: int
    file: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class SplitReport:
    """What the page says of one split.

    Attributes:
      name: ``train`` or ``validation``.
      facts, identity: pairs of a name and a value.
      charts: title, a sentence and the SVG.
      tables: lists.
    """

    name: str
    facts: Sequence[tuple[str, str]]
    identity: Sequence[tuple[str, str]]
    charts: Sequence[tuple[str, str, Markup]]
    tables: Sequence[Table]


def _span(values: np.ndarray) -> str:
    """Returns the least and the largest value."""
    least, most = values.min(), values.max()
    return f'{least:,}' if least == most else f'{least:,} to {most:,}'


def _csv_table(title: str, path: str, what: str) -> Table | None:
    """Returns a table of a CSV file beside the shards; None if there is none."""
    if storage.size(path) is None:
        return None
    text = storage.read_bytes(path).decode('utf-8', 'backslashreplace')
    head, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    shown = [tuple(map(printable, row)) for row in rows[:MAX_ROWS]]
    name = storage.split(path)[1]
    return Table(
        f'{title}: {counted(len(rows), what)}', tuple(head), shown, len(rows), name
    )


def _converted_table(dataset: IndexedDataset, manifest: Manifest) -> Table | None:
    if not manifest.converted:
        return None
    rows = [
        (str(entry.index), dataset.filename(entry.index), entry.source, entry.codec)
        for entry in manifest.converted[:MAX_ROWS]
    ]
    title = f'Converted: {counted(len(manifest.converted), "image")}'
    head = ('index', 'filename', 'from', 'by')
    return Table(title, head, rows, len(manifest.converted))


def _class_tables(dataset: IndexedDataset, counts: np.ndarray) -> list[Table]:
    order = np.argsort(counts, kind='stable')
    order = order[counts[order] > 0]
    tables = []
    for title, labels in (
        ('Smallest classes', order[:5]),
        ('Largest classes', order[::-1][:5]),
    ):
        rows = [
            (
                str(label),
                dataset.classes[label].synset,
                dataset.classes[label].text,
                f'{counts[label]:,}',
            )
            for label in labels.tolist()
        ]
        tables.append(
            Table(title, ('label', 'synset', 'class', 'examples'), rows, len(rows))
        )
    return tables


def _charts(dataset: IndexedDataset, counts: np.ndarray) -> list[tuple[str, str, Markup]]:
    name = dataset.split
    present = counts[counts > 0]
    charts = []

    def add(title: str, sentence: str, svg: str) -> None:
        charts.append((title, sentence, Markup(svg)))

    ordered = np.sort(present)[::-1]
    edges = np.linspace(0, len(ordered), min(len(ordered), 200) + 1).round().astype(int)
    means = [ordered[a:b].mean() for a, b in zip(edges[:-1], edges[1:], strict=True)]
    add(
        'Class balance',
        f'{counted(len(present), "class", "classes")} with {_span(present)} '
        f'examples, median {np.median(present):,.0f}.',
        bar_chart(
            edges,
            np.array(means),
            'classes, the largest first',
            'examples',
            f'{name}: examples per class',
        ),
    )
    lengths = dataset.record_bytes / 1000
    limit = np.percentile(lengths, 99)
    add(
        'Size of a record',
        f'Median {np.median(lengths):,.0f} kB, mean {lengths.mean():,.0f} kB, largest '
        f'{lengths.max():,.0f} kB; the chart leaves out the largest 1 %.',
        histogram(
            lengths[lengths <= limit], 50, 'kB', 'examples', f'{name}: record sizes'
        ),
    )
    draw = np.random.default_rng(0)
    chosen = draw.choice(
        dataset.indices, min(_SAMPLE, len(dataset.indices)), replace=False
    )
    sizes = _sizes(dataset, np.sort(chosen))
    for side, values in (('Height', sizes[:, 0]), ('Width', sizes[:, 1])):
        of = (
            'Of all examples'
            if len(chosen) == len(dataset.indices)
            else f'Of {len(chosen):,} examples, chosen at random'
        )
        add(
            f'{side} of a picture',
            f'{of}: median {np.median(values):,.0f}, {_span(values)} pixels.',
            histogram(
                values[values <= np.percentile(values, 99)],
                50,
                'pixels',
                'examples',
                f'{name}: {side.lower()} of pictures',
            ),
        )
    path = layout.scores_path(dataset.directory, name)
    if storage.size(path) is not None:
        for column, scores in read_scores(path).items():
            known = scores[dataset.indices]
            known = known[np.isfinite(known)]
            add(
                column,
                f'{len(known):,} values, median {np.median(known):.3f}, '
                f'{(known > 0.5).mean():.1%} above 0.5.',
                histogram(known, 50, column, 'examples', f'{name}: {column}'),
            )
    return charts


def _sizes(dataset: IndexedDataset, indices: np.ndarray) -> np.ndarray:
    """Returns height and width of some pictures, int64, shape [n, 2]."""
    batches = read_batches(dataset, indices.tolist())
    return np.array([(each.height, each.width) for batch in batches for each in batch])


def _facts(dataset: IndexedDataset, manifest: Manifest) -> list[tuple[str, str]]:
    sizes = np.array([entry.bytes for entry in manifest.shards])
    records = np.array([entry.records for entry in manifest.shards])
    sources = [entry.source for entry in manifest.converted]
    complete = 'yes' if manifest.complete else 'no'
    return [
        ('complete', complete),
        ('examples', f'{manifest.examples:,} of {len(dataset):,} in the index'),
        ('classes', f'{manifest.classes:,}'),
        ('bytes', f'{manifest.bytes:,}'),
        (
            'shards',
            f'{len(sizes):,}, of {_span(sizes)} bytes and {_span(records)} records',
        ),
        ('converted', f'{sources.count("PNG"):,} PNG, {sources.count("CMYK"):,} CMYK'),
        ('missing', f'{len(manifest.missing):,}'),
        ('rejected', f'{len(manifest.skipped):,}'),
        ('images checked', manifest.check),
    ]


def _report_split(dataset: IndexedDataset, manifest: Manifest) -> SplitReport:
    directory, name = dataset.directory, dataset.split
    counts = np.bincount(dataset.labels[dataset.indices])
    tables: list[Table | None] = [
        *_class_tables(dataset, counts),
        _csv_table('Rejected', layout.rejected_path(directory, name), 'image'),
        _csv_table('Missing', layout.missing_path(directory, name), 'image'),
        _csv_table('Warnings', layout.warnings_path(directory, name), 'warning'),
        _converted_table(dataset, manifest),
    ]
    identity = {**manifest.build_id.to_dict(), 'build ID': manifest.build_id.digest}
    return SplitReport(
        name,
        _facts(dataset, manifest),
        [
            ('fingerprint', f'sha256 {manifest.fingerprint}'),
            *((key, str(value)) for key, value in identity.items()),
        ],
        _charts(dataset, counts),
        [table for table in tables if table],
    )


def make_report(datasets: Sequence[IndexedDataset]) -> bytes:
    """Returns the page, HTML.

    Args:
      datasets: the finished splits of one directory, with manifests.

    Raises:
      OSError, ValueError: a file beside the shards cannot be read.
      CorruptRecordError: a record is damaged.
    """
    splits = [
        _report_split(dataset, dataset.manifest)
        for dataset in datasets
        if dataset.manifest
    ]
    html = render(
        'report.html.j2',
        title='Data set report',
        css=Markup(template_text('base.css') + template_text('report.css')),
        splits=splits,
        citation=_CITATION,
        version=__version__,
    )
    return html.encode()
