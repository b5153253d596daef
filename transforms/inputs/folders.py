"""Images in folders, as most people have them.

Class folders ``nXXXXXXXX/`` with images in them, or images lying flat in the top
directory (as the validation set comes), or both.
"""

from collections.abc import Iterator

from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from indexed_imagenet.transforms.inputs.names import is_system

# A flat folder of the whole training set goes on in batches of this many names.
BATCH_NAMES = 10_000


def find_folders(directory: str) -> Iterator[bytes]:
    """Yields the class folders of a split, and b'' for the directory itself."""
    yield b''
    for name in sorted(storage.list_folder(directory).folders):
        if not is_system(name):
            yield name


def list_images(
    directory: str, folder: bytes, split: str, place: bytes = b''
) -> Iterator[ImageRefs | InputReport]:
    """Lists the files of one folder, and reports the folders that it ignores.

    The first batch of the directory itself is empty, and comes even if the
    directory holds no class and no image: the steps that follow need one element.

    Args:
      directory: the split's directory.
      folder: relative to it; b'' is the directory itself, whose subfolders are
        the class folders and are listed on their own.
      split: for the report.
      place: where the class folders are, relative to the directory, if that holds
        several places.
    """
    location = b'/'.join(filter(None, (place, folder)))
    shown = printable(location)
    try:
        listing = storage.list_folder(storage.join(directory, storage.os_name(location)))
    except OSError as error:
        case = f'{shown or "."} ({error_text(error)})'
        yield InputReport.of(split, IssueKind.UNREADABLE, [case])
        listing = storage.Listing([], [])
    ignored = [name for name in listing.folders if folder or is_system(name)]
    if ignored:
        paths = [storage.join(shown, printable(name)) + '/' for name in ignored]
        yield InputReport.of(split, IssueKind.IGNORED, paths)
    if not folder:
        yield ImageRefs(folder, [])
    for start in range(0, len(listing.files), BATCH_NAMES):
        names = listing.files[start : start + BATCH_NAMES]
        yield ImageRefs(folder, names, location if place else None)
