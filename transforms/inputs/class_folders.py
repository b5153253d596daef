"""Lists people's own images in class folders, to make an index of them."""

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from indexed_imagenet.text import (
    MAX_SHOWN_CASES,
    counted,
    error_text,
    first_of,
    printable,
)
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.inputs.names import is_system, looks_like_image

# Listing waits for the disk or the store.
_THREADS = 16


class OwnDataError(ValueError):
    """The images cannot be indexed; the message is one line for the user."""


@dataclasses.dataclass(frozen=True, slots=True)
class ClassFolders:
    """The images of one split.

    Attributes:
      files: the basenames of the images of each class.
      ignored: relative paths of files and folders that are not images.
    """

    files: dict[bytes, list[bytes]]
    ignored: list[str]


def _list(path: str, shown: str) -> storage.Listing:
    try:
        return storage.list_folder(path)
    except FileNotFoundError:
        raise OwnDataError(f'{shown}: no such directory') from None
    except NotADirectoryError:
        raise OwnDataError(f'{shown} is a file (expected a directory)') from None
    except OSError as error:
        raise OwnDataError(
            f'{shown} cannot be listed: {error_text(error)}; make it readable'
        ) from error


def _check_name(name: bytes, shown: str, what: str) -> None:
    """Checks a name that goes into records and text files.

    Raises:
      OwnDataError: it is not UTF-8, or has line ends, tabs or other control characters.
    """
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise OwnDataError(
            f'{shown}: the name of the {what} is not UTF-8; rename it'
        ) from None
    if not text.isprintable():
        raise OwnDataError(
            f'{shown}: the name of the {what} has unprintable characters; rename it'
        )


def list_class_folders(
    directory: str, progress: Callable[[int], object] = lambda _: None
) -> ClassFolders:
    """Lists the images of every class folder.

    Names of systems, folders inside class folders and files that do not end as images
    do are left out, as by a build, and returned as ignored.

    Args:
      directory: of the class folders, a path or URL.
      progress: is told the number of images of each folder listed.

    Raises:
      OwnDataError: a folder cannot be listed; a name cannot be used; images lie outside
        class folders; there are no class folders, or no images.
    """
    top = _list(directory, directory)
    loose = sorted(filter(looks_like_image, top.files))
    folders = sorted(name for name in top.folders if not is_system(name))
    if loose:
        cases = first_of(list(map(printable, loose)), most=1)
        raise OwnDataError(
            f'{directory} has {counted(len(loose), "image")} outside class folders, '
            f'{cases} (expected one folder per class, as an image gets its class from '
            'its folder); move them into class folders'
        )
    if not folders:
        raise OwnDataError(
            f'{directory} has no class folders (expected one folder per class, with '
            'images in it)'
        )
    ignored = [printable(name) for name in top.files if not is_system(name)]
    for folder in folders:
        _check_name(folder, storage.join(directory, printable(folder)), 'class folder')

    def list_one(folder: bytes) -> storage.Listing:
        path = storage.join(directory, storage.os_name(folder))
        listing = _list(path, storage.join(directory, printable(folder)))
        progress(sum(map(looks_like_image, listing.files)))
        return listing

    files: dict[bytes, list[bytes]] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        for folder, listing in zip(folders, pool.map(list_one, folders), strict=True):
            shown = printable(folder)
            files[folder] = list(filter(looks_like_image, listing.files))
            for name in files[folder]:
                path = storage.join(directory, shown)
                _check_name(name, storage.join(path, printable(name)), 'image')
            ignored += _others(listing, shown)
    empty = [printable(folder) for folder in folders if not files[folder]]
    if len(empty) == len(folders):
        raise OwnDataError(
            f'{directory} has {counted(len(folders), "class folder")} but no images '
            f'(.jpeg, .jpg or .png) in them{_shown(ignored)}'
        )
    if empty:
        raise OwnDataError(
            f'{directory} has {counted(len(empty), "class folder")} without images, '
            f'{first_of(empty)}; remove them or add their images'
        )
    return ClassFolders(files, sorted(ignored))


def _others(listing: storage.Listing, folder: str) -> Iterator[str]:
    for name in listing.files:
        if not looks_like_image(name) and not is_system(name):
            yield storage.join(folder, printable(name))
    for name in listing.folders:
        if not is_system(name):
            yield storage.join(folder, printable(name)) + '/'


def _shown(cases: list[str]) -> str:
    return f', only {first_of(sorted(cases), most=MAX_SHOWN_CASES)}' if cases else ''
