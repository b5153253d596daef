"""Images that a decoder accepts with a warning: in records, but to be looked at."""

import csv
import dataclasses
import io
import json
import zlib
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class ImageWarning:
    """An image that is in the data set, and what libjpeg warns about."""

    index: int
    path: str
    warning: str


@dataclasses.dataclass(frozen=True, slots=True)
class ImageWarnings:
    """The warnings about one shard's images, packed: there may be one per image.

    Attributes:
      count: how many.
      packed: the ``ImageWarning``s as compressed JSON; empty if there are none.
    """

    count: int = 0
    packed: bytes = b''

    @classmethod
    def pack(cls, warnings: Iterable[ImageWarning]) -> 'ImageWarnings':
        """Packs the warnings of one shard, in the order of their indices."""
        rows = [dataclasses.astuple(warning) for warning in sorted(warnings)]
        if not rows:
            return cls()
        return cls(len(rows), zlib.compress(json.dumps(rows).encode(), 1))

    def unpack(self) -> list[ImageWarning]:
        """Returns the warnings."""
        if not self.count:
            return []
        return [ImageWarning(*row) for row in json.loads(zlib.decompress(self.packed))]


def warnings_from_csv(content: bytes) -> list[ImageWarning]:
    """Reads the warnings from the content of ``warnings-SPLIT.csv``.

    Raises:
      ValueError: it is not such a file.
    """
    reader = csv.reader(io.StringIO(content.decode(), newline=''))
    header = [field.name for field in dataclasses.fields(ImageWarning)]
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if rows[:1] != [header] or any(len(row) != len(header) for row in rows):
        raise ValueError(f'not a list of warnings (expected the columns {header})')
    return [ImageWarning(int(index), path, text) for index, path, text in rows[1:]]
