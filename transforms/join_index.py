"""Joins image paths with the index: which file is which example."""

from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics
from apache_beam.pvalue import AsSingleton

from indexed_imagenet.text import MAX_SHOWN_CASES, printable
from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.index_table import IndexTable, PackedIndexTable
from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from indexed_imagenet.transforms.inputs.names import looks_like_image
from indexed_imagenet.transforms.inputs.renamed import (
    find_renamed,
    may_be_renamed,
    name_difference,
)
from indexed_imagenet.transforms.rows import make_rows


def join_refs(
    refs: ImageRefs, table: IndexTable, synsets: Sequence[str], split: str
) -> tuple[np.ndarray, list[InputReport]]:
    """Gives each listed file its index and label.

    A file that the index names is an image, whatever its ending. One that the index
    does not name is an unknown image if its name ends like an image's, and is ignored
    otherwise. A name that is another spelling of exactly one in the index (see
    ``inputs/renamed.py``) is that image, and its row has the index's spelling; of a name
    that is merely similar, the one in the index is reported.

    Args:
      refs: files of one folder.
      table: the split's index.
      synsets: the synset of each label.
      split: for the reports.

    Returns:
      The rows of the images that are in the index and in the right folder
      (possibly none), and a report for each kind of issue.
    """
    prefix = refs.folder + b'/' if refs.folder else b''
    keys = refs.names
    if table.has_paths:
        keys = [prefix + name for name in refs.names]
    places = table.find(keys)
    unnamed = np.flatnonzero(places < 0)
    maybe = [i for i in unnamed.tolist() if may_be_renamed(refs.names[i])]
    taken, similar = find_renamed(table, [keys[i] for i in maybe], synsets)
    places[maybe] = taken
    other_spelling = [i for i in maybe if places[i] >= 0]
    similar_to = dict(zip(maybe, similar.tolist(), strict=True))

    labels = table.labels[places]
    found = places >= 0
    right_folder = np.ones(len(places), bool)
    folder = printable(refs.folder)
    if refs.folder:
        right_folder = labels == _label_of(folder, synsets)

    def path(i: int) -> str:
        return refs.path(refs.names[i])

    def compared(i: int, place: int) -> str:
        original = bytes(table.names[place])
        return (
            f'{path(i)} ({printable(original)} in the index; differs by '
            f'{name_difference(keys[i], original)})'
        )

    unknown: list[str] = []
    renamed: list[str] = []
    ignored: list[str] = []
    for i in np.flatnonzero(~found).tolist():
        place = similar_to.get(i, -1)
        if place >= 0:
            renamed.append(compared(i, place))
        else:
            (unknown if looks_like_image(refs.names[i]) else ignored).append(path(i))
    misplaced = [
        f'{path(i)} (of class {synsets[labels[i]]})'
        for i in np.flatnonzero(found & ~right_folder).tolist()
    ]
    cases = (
        (IssueKind.UNKNOWN, unknown),
        (IssueKind.RENAMED, renamed),
        (IssueKind.MISPLACED, misplaced),
        (IssueKind.IGNORED, ignored),
    )
    issues = [InputReport.of(split, kind, paths) for kind, paths in cases if paths]
    if other_spelling:
        # Of a million, only the first few are put into words.
        first = sorted(other_spelling, key=refs.names.__getitem__)[:MAX_SHOWN_CASES]
        shown = [compared(i, int(places[i])) for i in first]
        issues.append(
            InputReport.of(split, IssueKind.RESPELLED, shown, count=len(other_spelling))
        )

    chosen = np.flatnonzero(found & right_folder)
    sources = [refs.source(refs.names[i]) for i in chosen]
    names = table.names[places[chosen]].tolist()
    spans = None if refs.spans is None else refs.spans[chosen]
    rows = make_rows(sources, names, table.index[places[chosen]], labels[chosen], spans)
    return rows, issues


def _label_of(folder: str, synsets: Sequence[str]) -> int:
    return synsets.index(folder) if folder in synsets else -1


class _Join(beam.DoFn):
    def __init__(self, synsets: Sequence[str], split: str):
        self._synsets = synsets
        self._split = split
        self._table: IndexTable | None = None
        self._names = Metrics.counter('join_index', 'names_in')
        self._joined = Metrics.counter('join_index', 'rows_joined')

    def start_bundle(self) -> None:
        self._table = None

    def process(
        self, refs: ImageRefs, packed: PackedIndexTable
    ) -> Iterator[np.ndarray | beam.pvalue.TaggedOutput]:
        if self._table is None:
            self._table = packed.unpack()
        rows, issues = join_refs(refs, self._table, self._synsets, self._split)
        self._names.inc(len(refs.names))
        self._joined.inc(len(rows))
        for issue in issues:
            yield beam.pvalue.TaggedOutput('issues', issue)
        if len(rows) or not refs.names:  # an empty batch asks for every shard
            yield rows

    def finish_bundle(self) -> None:
        self._table = None  # later steps need the memory


class JoinIndex(beam.PTransform):
    """Joins listed files with the index table, which comes as a side input.

    Takes ``ImageRefs``; outputs ``rows`` (arrays, see ``rows.row_dtype``) and
    ``issues`` (``InputReport``).
    """

    def __init__(self, table: AsSingleton, synsets: Sequence[str], split: str):
        super().__init__()
        self._table = table
        self._synsets = tuple(synsets)
        self._split = split

    def expand(self, refs: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return refs | 'Look up names' >> beam.ParDo(
            _Join(self._synsets, self._split), self._table
        ).with_output_types(np.ndarray).with_outputs('issues', main='rows')
