"""Lists image paths on the workers, a class folder at a time.

The tree is what people have: class folders ``nXXXXXXXX/`` with images in them,
or images lying flat in the top directory (as the validation set comes), or
both.
"""

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics

from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms.input_report import IGNORED, UNREADABLE, InputReport
from indexed_imagenet.transforms.storage import files

# A flat folder of the whole training set goes on in pieces of this many names.
BATCH_NAMES = 10_000


class ImageRefs(NamedTuple):
    """Files of one folder that may be images.

    Attributes:
      folder: path relative to the split's directory; '' is that directory.
      names: basenames.
    """

    folder: str
    names: list[bytes]


def is_hidden(name: bytes) -> bool:
    """Whether a name is one that file systems and desktops keep for themselves."""
    return name.startswith(b'.')


def find_folders(directory: str) -> Iterator[str]:
    """Yields the class folders of a split, and '' for the directory itself."""
    yield ''
    for name in sorted(files.list_folder(directory).folders):
        if not is_hidden(name):
            yield printable(name)


def list_images(
    directory: str, folder: str, split: str
) -> Iterator[ImageRefs | InputReport]:
    """Lists the files of one folder, and says which folders it does not enter.

    The first batch of the directory itself is empty, and is there even if the
    directory holds no class and no image: whatever follows has one to go by.

    Args:
      directory: the split's directory.
      folder: relative to it; '' is the directory itself, whose subfolders are
        the class folders and are listed on their own.
      split: for the report of folders left out.
    """
    try:
        listing = files.list_folder(files.join(directory, folder))
    except OSError as error:
        case = f'{folder or "."} ({error_text(error)})'
        yield InputReport.of(split, UNREADABLE, [case])
        listing = files.Listing([], [])
    left_out = [n for n in listing.folders if folder or is_hidden(n)]
    if left_out:
        paths = (files.join(folder, printable(n)) + '/' for n in left_out)
        yield InputReport.of(split, IGNORED, paths)
    if not folder:
        yield ImageRefs(folder, [])
    for start in range(0, len(listing.files), BATCH_NAMES):
        yield ImageRefs(folder, listing.files[start : start + BATCH_NAMES])


class _ListFolder(beam.DoFn):
    def __init__(self, directory: str, split: str):
        self._directory = directory
        self._split = split
        self._listed = Metrics.counter('list_images', 'files_listed')

    def process(self, folder: str):
        for found in list_images(self._directory, folder, self._split):
            if isinstance(found, InputReport):
                yield beam.pvalue.TaggedOutput('findings', found)
            else:
                self._listed.inc(len(found.names))
                yield found


class ListImages(beam.PTransform):
    """Lists the images of one split.

    Outputs ``refs`` (``ImageRefs``) and ``findings`` (``InputReport``).
    """

    def __init__(self, directory: str, split: str):
        super().__init__()
        self._directory = directory
        self._split = split

    def expand(self, begin):
        return (
            begin
            | 'Name the directory' >> beam.Create([self._directory], reshuffle=False)
            | 'Find class folders' >> beam.FlatMap(find_folders).with_output_types(str)
            | 'Spread folders over workers' >> beam.Reshuffle()
            | 'List each folder'
            >> beam.ParDo(_ListFolder(self._directory, self._split))
            .with_output_types(ImageRefs)
            .with_outputs('findings', main='refs')
        )
