"""Lists image paths on the workers, one class folder at a time."""

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.metrics import Metrics

from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.input_report import InputReport
from indexed_imagenet.transforms.inputs.folders import find_folders, list_images


class _ListFolder(beam.DoFn):
    def __init__(self, directory: str, split: str):
        self._directory = directory
        self._split = split
        self._folders = Metrics.counter('list_images', 'folders_in')
        self._listed = Metrics.counter('list_images', 'files_listed')

    def process(self, folder: bytes) -> Iterator[ImageRefs | beam.pvalue.TaggedOutput]:
        self._folders.inc()
        for found in list_images(self._directory, folder, self._split):
            if isinstance(found, InputReport):
                yield beam.pvalue.TaggedOutput('issues', found)
            else:
                self._listed.inc(len(found.names))
                yield found


class ListImages(beam.PTransform):
    """Lists the images of one split.

    Outputs ``refs`` (``ImageRefs``) and ``issues`` (``InputReport``).
    """

    def __init__(self, directory: str, split: str):
        super().__init__()
        self._directory = directory
        self._split = split

    def expand(self, begin: beam.pvalue.PBegin) -> beam.pvalue.DoOutputsTuple:
        return (
            begin
            | 'Name the directory' >> beam.Create([self._directory], reshuffle=False)
            | 'Find class folders' >> beam.FlatMap(find_folders).with_output_types(bytes)
            | 'Spread folders over workers' >> beam.Reshuffle()
            | 'List each folder'
            >> beam.ParDo(_ListFolder(self._directory, self._split))
            .with_output_types(ImageRefs)
            .with_outputs('issues', main='refs')
        )
