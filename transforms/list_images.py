"""Lists images on the workers: one class folder, or one part of an archive, at a time."""

from collections.abc import Collection, Iterator, Sequence

import apache_beam as beam
from apache_beam.metrics import Metrics

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.input_report import InputReport
from indexed_imagenet.transforms.inputs.archives import (
    Part,
    find_archive_parts,
    list_archive,
)
from indexed_imagenet.transforms.inputs.folders import find_folders, list_images
from indexed_imagenet.transforms.inputs.sources import Form, Source


def find_parts(
    source: Source, directory: str, classes: Collection[bytes] | None
) -> Iterator[Part]:
    """Yields the parts of a source that are listed each on its own.

    Args:
      source: a folder or archive.
      directory: what its path is relative to.
      classes: the names of class folders; None if any may be one.
    """
    if source.form != Form.FOLDER:
        yield from find_archive_parts(directory, source, classes)
        return
    for folder in find_folders(storage.join(directory, storage.os_name(source.path))):
        yield Part(Form.FOLDER, source.path, folder)


def list_part(
    part: Part, directory: str, split: str, classes: Collection[bytes] | None
) -> Iterator[ImageRefs | InputReport]:
    """Lists the images of one part, and reports what is wrong with it.

    Args:
      part: from ``find_parts``.
      directory: what its location is relative to.
      split: for the reports.
      classes: as for ``find_parts``.
    """
    if part.form == Form.FOLDER:
        yield from list_images(directory, part.folder, split, part.location)
    else:
        yield from list_archive(directory, part, split, classes)


class _ListPart(beam.DoFn):
    def __init__(self, directory: str, split: str, classes: Collection[bytes] | None):
        self._directory = directory
        self._split = split
        self._classes = classes
        self._parts = Metrics.counter('list_images', 'folders_in')
        self._listed = Metrics.counter('list_images', 'files_listed')

    def process(self, part: Part) -> Iterator[ImageRefs | beam.pvalue.TaggedOutput]:
        self._parts.inc()
        for found in list_part(part, self._directory, self._split, self._classes):
            if isinstance(found, InputReport):
                yield beam.pvalue.TaggedOutput('issues', found)
            else:
                self._listed.inc(len(found.names))
                yield found


class ListImages(beam.PTransform):
    """Lists the images of one split.

    Outputs ``refs`` (``ImageRefs``) and ``issues`` (``InputReport``).
    """

    def __init__(
        self,
        directory: str,
        split: str,
        sources: Sequence[Source] = (Source(Form.FOLDER, b''),),
        classes: Collection[bytes] | None = None,
    ):
        """Initializes the transform.

        Args:
          directory: what the sources are relative to.
          split: its name, for reports; in archives, other splits' folders are left out.
          sources: where the images are; by default the directory itself.
          classes: the names of class folders, to tell them from others in archives;
            None if any folder may be one.

        Raises:
          ValueError: there are no sources.
        """
        super().__init__()
        if not sources:
            raise ValueError('sources is empty (expected at least one)')
        self._directory = directory
        self._split = split
        self._sources = tuple(sources)
        self._classes = None if classes is None else frozenset(classes)

    def expand(self, begin: beam.pvalue.PBegin) -> beam.pvalue.DoOutputsTuple:
        return (
            begin
            | 'Name the sources' >> beam.Create(self._sources)
            | 'Find folders and inner tars'
            >> beam.FlatMap(find_parts, self._directory, self._classes).with_output_types(
                Part
            )
            | 'Spread them over workers' >> beam.Reshuffle()
            | 'List each of them'
            >> beam.ParDo(_ListPart(self._directory, self._split, self._classes))
            .with_output_types(ImageRefs)
            .with_outputs('issues', main='refs')
        )
