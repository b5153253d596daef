"""Images in tar and zip files, listed from headers and read without unpacking.

The original training archive is a tar of 1,000 tars. A tar whose first member is a tar
is taken apart: its own headers are read first, and each inner tar is then listed as a
part of its own, on whichever worker is free.
"""

import collections
import dataclasses
import posixpath
from collections.abc import Collection, Iterator

import numpy as np

from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from indexed_imagenet.transforms.inputs.folders import BATCH_NAMES
from indexed_imagenet.transforms.inputs.names import is_system, looks_like_image
from indexed_imagenet.transforms.inputs.ranged import RangedFile
from indexed_imagenet.transforms.inputs.sources import Form, Source
from indexed_imagenet.transforms.inputs.tar_headers import ArchiveError, Member, list_tar
from indexed_imagenet.transforms.inputs.zip_directory import ZipMember, list_zip
from indexed_imagenet.transforms.rows import SPAN_DTYPE

# The folders of an archive that hold one split. Kaggle's holds all of them.
_SPLIT_FOLDERS = {
    b'train': 'train',
    b'training': 'train',
    b'val': 'validation',
    b'valid': 'validation',
    b'validation': 'validation',
    b'test': 'test',
}

_SYNSET_DIGITS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A part of the input that is listed at once.

    Attributes:
      form: of the source.
      location: the source, relative to the split's directory.
      folder: for folders, the class folder to list; for an inner tar, the class that
        its name gives, b'' if none.
      start, end: the bytes of a tar in its file; the end is −1 for the whole file.
      inner: whether inner tars are parts of their own, and left out of this one.
    """

    form: Form
    location: bytes
    folder: bytes = b''
    start: int = 0
    end: int = -1
    inner: bool = False


def _is_class(name: bytes, classes: Collection[bytes] | None) -> bool:
    """Returns whether a folder in an archive is a class folder.

    One that looks like a synset is, even if there is no such class: its images are
    then reported as misplaced or unknown.
    """
    if classes is None or name in classes:
        return True
    return name[:1] == b'n' and name[1:].isdigit() and len(name) == 1 + _SYNSET_DIGITS


def _stem(path: bytes) -> bytes:
    """Returns the class that the name of an inner tar gives."""
    return posixpath.basename(path).rpartition(b'.')[0]


def _is_tar(path: bytes) -> bool:
    return path[-4:].lower() == b'.tar' and not is_system(posixpath.basename(path))


def find_tar_parts(
    directory: str, location: bytes, classes: Collection[bytes] | None
) -> Iterator[Part]:
    """Yields the parts of a tar: itself, and each inner tar if the first member is one.

    A damaged tar gives the parts before the damage, which is reported when the tar
    itself is listed.

    Args:
      directory: the split's directory.
      location: the tar's path, relative to it.
      classes: the names of class folders; None if any may be one.
    """
    # A tar of one class, such as n01440764.tar, is named by it; others by anything.
    stem = _stem(location)
    own = stem if classes is not None and _is_class(stem, classes) else b''
    parts: list[Part] = []
    try:
        with RangedFile(storage.join(directory, storage.os_name(location))) as file:
            for member in list_tar(file.read, 0, file.size):
                if not parts and not _is_tar(member.path):
                    break
                if member.other or not _is_tar(member.path):
                    continue
                name = _stem(member.path)
                folder = name if _is_class(name, classes) else b''
                end = member.offset + member.length
                parts.append(Part(Form.TAR, location, folder, member.offset, end))
    except (ArchiveError, OSError):
        pass  # the first part is the tar itself
    yield Part(Form.TAR, location, own, inner=bool(parts))
    yield from parts


def find_archive_parts(
    directory: str, source: Source, classes: Collection[bytes] | None
) -> Iterator[Part]:
    """Yields the parts of an archive that are listed on their own; see ``Part``."""
    if source.form == Form.TAR:
        yield from find_tar_parts(directory, source.path, classes)
    else:
        yield Part(source.form, source.path)


class _Batches:
    """Sorts the members of an archive into batches of one class folder each."""

    def __init__(self, part: Part, split: str, classes: Collection[bytes] | None):
        self._part = part
        self._split = split
        self._classes = classes
        self._names: dict[bytes, list[bytes]] = collections.defaultdict(list)
        self._spans: dict[bytes, list[tuple[int, ...]]] = collections.defaultdict(list)
        self._count = 0
        self.ignored: list[str] = []
        self.other_split: list[str] = []
        self.faults: list[str] = []

    def _shown(self, path: bytes) -> str:
        where = [self._part.location]
        if self._part.end >= 0 and self._part.folder:
            where.append(self._part.folder + b'.tar')
        return '/'.join(printable(p) for p in (*where, path))

    def add(self, member: Member | ZipMember) -> None:
        """Takes a member, or notes why it is not taken."""
        path = member.path
        if isinstance(member, ZipMember):
            path = path.replace(b'\\', b'/')
        *folders, name = [p for p in path.split(b'/') if p not in (b'', b'.')] or [b'']
        if b'..' in (*folders, name) or b'\0' in path:
            self.faults.append(f'{self._shown(path)} (not a path within the archive)')
            return
        splits = {_SPLIT_FOLDERS.get(f.lower(), self._split) for f in folders}
        if splits - {self._split}:
            self.other_split.append(self._shown(path))
            return
        if not name or any(map(is_system, (*folders, name))):
            self.ignored.append(self._shown(path))
            return
        if member.other:
            if looks_like_image(name) or isinstance(member, Member):
                self.faults.append(
                    f'{self._shown(path)} ({member.other}; expected a file)'
                )
            else:
                self.ignored.append(self._shown(path))
            return
        folder = self._part.folder
        if folders and _is_class(folders[-1], self._classes):
            folder = folders[-1]
        if isinstance(member, ZipMember):
            packed = (member.method, member.size, member.crc)
        else:
            packed = (0, 0, 0)
        self._names[folder].append(name)
        self._spans[folder].append((member.offset, member.length, *packed))
        self._count += 1

    def full(self) -> bool:
        """Returns whether there is enough for the next steps."""
        return self._count >= BATCH_NAMES

    def take(self) -> Iterator[ImageRefs]:
        """Yields what there is, and begins anew."""
        for folder, names in self._names.items():
            spans = np.array(self._spans[folder], SPAN_DTYPE)
            yield ImageRefs(folder, names, self._part.location, spans)
        self._names.clear()
        self._spans.clear()
        self._count = 0


def _list_members(part: Part, file: RangedFile) -> Iterator[Member | ZipMember]:
    if part.form == Form.ZIP:
        yield from list_zip(file.read, file.size)
        return
    end = file.size if part.end < 0 else part.end
    yield from list_tar(file.read, part.start, end)


def list_archive(
    directory: str, part: Part, split: str, classes: Collection[bytes] | None
) -> Iterator[ImageRefs | InputReport]:
    """Lists the images of an archive's part, and reports what is wrong with it.

    Args:
      directory: the split's directory.
      part: what to list.
      split: its images are taken; those in folders named like other splits are not.
      classes: the names of class folders; None if any folder may be one.
    """
    batches = _Batches(part, split, classes)
    damage = ''
    if part.end < 0:
        yield ImageRefs(b'', [])
    try:
        with RangedFile(storage.join(directory, storage.os_name(part.location))) as file:
            for member in _list_members(part, file):
                if isinstance(member, Member) and _is_tar(member.path):
                    if not part.inner and not member.other:
                        batches.faults.append(
                            f'{printable(part.location)}/{printable(member.path)} (a tar '
                            'among other files; expected a tar of tars or of images)'
                        )
                    if not member.other:
                        continue
                batches.add(member)
                if batches.full():
                    yield from batches.take()
    except ArchiveError as error:
        damage = str(error)
    except OSError as error:
        damage = error_text(error)
    yield from batches.take()
    if damage:
        where = printable(part.location)
        if part.end >= 0:
            where += f', in its inner tar {printable(part.folder)} at byte {part.start:,}'
        batches.faults.append(f'{where} ({damage})')
    for kind, cases in (
        (IssueKind.DAMAGED, batches.faults),
        (IssueKind.OTHER_SPLIT, batches.other_split),
        (IssueKind.IGNORED, batches.ignored),
    ):
        if cases:
            yield InputReport.of(split, kind, cases)
