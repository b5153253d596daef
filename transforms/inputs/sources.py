"""Recognises in which form the images of a split are: folders, tar or zip files.

``find_sources`` takes what a flag was given, once or several times: folders, files,
globs or URLs. A path that exists is a name, whatever characters are in it; only one that
does not exist and holds ``*``, ``?`` or ``[`` is a glob.
"""

import dataclasses
import enum
import fnmatch
import glob
import os
import posixpath
import re
from collections.abc import Sequence

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import counted, error_text, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.inputs.names import is_system, looks_like_image
from indexed_imagenet.transforms.inputs.tar_headers import BLOCK

_GLOB = re.compile(r'[*?[]')


class Form(enum.StrEnum):
    """Forms of sources."""

    FOLDER = 'folder'
    TAR = 'tar'
    ZIP = 'zip'
    COMPRESSED_TAR = 'compressed tar'
    PARQUET = 'parquet'


# By the ending of a file's name, in lower case.
_ENDINGS = {
    b'.tar': Form.TAR,
    b'.zip': Form.ZIP,
    b'.tar.gz': Form.COMPRESSED_TAR,
    b'.tgz': Form.COMPRESSED_TAR,
    b'.tar.xz': Form.COMPRESSED_TAR,
    b'.tar.bz2': Form.COMPRESSED_TAR,
    b'.tar.zst': Form.COMPRESSED_TAR,
    b'.parquet': Form.PARQUET,
}

# Forms that cannot be read at any place, and what to do with them.
_REMEDIES = {
    Form.COMPRESSED_TAR: 'decompress it (gunzip -k FILE) and give the .tar, which need '
    'not be unpacked',
    Form.PARQUET: "save each row's image.bytes under the basename of its image.path, and "
    'give that folder',
}


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One folder or archive.

    Attributes:
      form: what it is.
      path: relative to the split's directory; b'' is that directory.
    """

    form: Form
    path: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """Where all images of a split are.

    Attributes:
      directory: what the sources are relative to, a path or URL.
      sources: all of the same form, at least one.
      shown: how to call them in messages.
      description: what was recognised, for one line.
    """

    directory: str
    sources: tuple[Source, ...]
    shown: str
    description: str

    @property
    def form(self) -> Form:
        """The form of all of them."""
        return self.sources[0].form

    def paths(self) -> list[str]:
        """Returns the path or URL of each."""
        return [
            storage.join(self.directory, storage.os_name(source.path))
            for source in self.sources
        ]


def form_by_name(name: bytes) -> Form | None:
    """Returns the form that a file's ending stands for, or None."""
    lower = name.lower()
    if is_system(name):
        return None
    return next((form for end, form in _ENDINGS.items() if lower.endswith(end)), None)


def _form_by_content(path: str) -> Form | None:
    start = storage.read_bytes(path, 0, BLOCK)
    if start[257:262] == b'ustar':
        return Form.TAR
    if start.startswith((b'PK\3\4', b'PK\5\6')):
        return Form.ZIP
    if start.startswith(b'\x1f\x8b'):
        return Form.COMPRESSED_TAR
    if start.startswith(b'PAR1'):
        return Form.PARQUET
    return None


def _is_file(path: str) -> bool:
    if storage.is_local(path):
        return os.path.exists(path) and not os.path.isdir(path)
    return storage.size(path) is not None


def _exists(path: str) -> bool:
    if storage.is_local(path):
        return os.path.lexists(path)
    if _is_file(path):
        return True
    try:
        listing = storage.list_folder(path)
    except OSError:
        return False
    return bool(listing.folders or listing.files)


def expand_glob(pattern: str) -> list[str]:
    """Returns the paths that a glob matches, sorted; names of systems are left out.

    In a store only the last part of the path may be a pattern.
    """
    if storage.is_local(pattern):
        found = glob.glob(pattern)
    else:
        folder, last = posixpath.split(pattern)
        listing = storage.list_folder(folder)
        names = [os.fsdecode(name) for name in (*listing.folders, *listing.files)]
        found = [storage.join(folder, n) for n in names if fnmatch.fnmatchcase(n, last)]
    return sorted(
        path for path in found if not is_system(os.fsencode(posixpath.basename(path)))
    )


def _archives_in(path: str, flag: str) -> list[str]:
    """Returns the archives of a folder that holds only archives; [] if it has none.

    Raises:
      UserError: it holds archives next to images or folders.
    """
    try:
        listing = storage.list_folder(path)
    except OSError:
        return []  # the check of the directory says why
    archives = sorted(name for name in listing.files if form_by_name(name))
    if not archives:
        return []
    others = [name for name in listing.folders if not is_system(name)]
    others += filter(looks_like_image, listing.files)
    if others:
        raise UserError(
            f'--{flag} {path} holds {counted(len(archives), "archive")}, first '
            f'{printable(archives[0])!r}, next to folders or images, first '
            f'{printable(min(others))!r}; move one of the two kinds elsewhere'
        )
    return [storage.join(path, storage.os_name(name)) for name in archives]


def _form_of(path: str, flag: str) -> Form:
    if storage.is_local(path) and not os.path.exists(path):
        raise UserError(
            f'--{flag} {path} is a link that leads nowhere or to itself; give the file '
            'or folder itself'
        )
    if not _is_file(path):
        return Form.FOLDER
    form = form_by_name(os.fsencode(posixpath.basename(path)))
    try:
        form = form or _form_by_content(path)
    except OSError as error:
        raise UserError(
            f'--{flag} {path} cannot be read: {error_text(error)}; make it readable'
        ) from error
    if form is None or path.endswith('.npz'):
        raise UserError(
            f'--{flag} {path} is a file, but not a tar or zip (expected a directory, tar '
            'or zip of images)'
        )
    if form in _REMEDIES:
        raise UserError(
            f'--{flag} {path}: images cannot be read from a {form} file; '
            f'{_REMEDIES[form]}'
        )
    return form


def _common_folder(paths: Sequence[str], flag: str) -> str:
    """Returns the folder that all paths are below."""
    if all(map(storage.is_local, paths)):
        return os.path.commonpath([os.path.dirname(path) for path in paths])
    buckets = {(storage.scheme_of(p), storage.split_url(p)[0]) for p in paths}
    if len(buckets) > 1:
        raise UserError(
            f'--{flag} names several places, {paths[0]} and others (expected all on this '
            'machine or all in one bucket); copy them to one'
        )
    scheme, bucket = buckets.pop()
    parents = ['/' + posixpath.dirname(storage.split_url(path)[1]) for path in paths]
    common = posixpath.commonpath(parents).strip('/')
    return f'{scheme}://{bucket}' + (f'/{common}' if common else '')


def _check_each_once(paths: Sequence[str], flag: str) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        real = os.path.realpath(path) if storage.is_local(path) else path.rstrip('/')
        if real in seen:
            same = '' if seen[real] == path else f' (which is {seen[real]})'
            raise UserError(f'--{flag} names {path}{same} twice; give it once')
        seen[real] = path


def _expand(paths: Sequence[str], flag: str) -> tuple[list[str], str]:
    """Returns what paths and globs stand for, and what to say of globs."""
    expanded: list[str] = []
    notes = ''
    for path in paths:
        if _exists(path):
            expanded += _archives_in(path, flag) or [path]
            continue
        if not _GLOB.search(path):
            raise UserError(f'--{flag} {path}: no such directory or file')
        try:
            matches = expand_glob(path)
        except OSError:
            matches = []
        if not matches:
            raise UserError(
                f'--{flag} {path}: nothing matches; quote or correct the glob'
            )
        notes += f', {path} matches {len(matches):,}'
        expanded += matches
    return expanded, notes


def find_sources(paths: Sequence[str], flag: str) -> Sources:
    """Recognises what a flag names.

    Args:
      paths: absolute paths, URLs or globs, at least one.
      flag: its name without dashes, for errors.

    Raises:
      UserError: a path does not exist, is not taken, is named twice, or they are of
        different forms.
    """
    expanded, notes = _expand(paths, flag)
    _check_each_once(expanded, flag)
    forms = [_form_of(path, flag) for path in expanded]
    for path, form in zip(expanded, forms, strict=True):
        if form != forms[0]:
            raise UserError(
                f'--{flag} mixes forms: {expanded[0]} is a {forms[0]}, {path} a {form}; '
                'give one form'
            )
    shown = paths[0] if len(paths) == 1 else f'{paths[0]} and {len(paths) - 1} more'
    count = len(expanded)
    if count == 1 and forms[0] == Form.FOLDER:
        return Sources(expanded[0], (Source(Form.FOLDER, b''),), shown, f'folder{notes}')
    directory = _common_folder(expanded, flag)
    prefix = directory.rstrip('/') + '/'
    sources = tuple(
        Source(form, os.fsencode(path.removeprefix(prefix).rstrip('/')))
        for path, form in zip(expanded, forms, strict=True)
    )
    kind = str(forms[0]) if forms[0] == Form.FOLDER else f'{forms[0]} file'
    return Sources(directory, sources, shown, f'{counted(count, kind)}{notes}')
