"""Re-reads what an earlier run has left, to find out whether it may be kept."""

from collections.abc import Iterator, Sequence

import numpy as np

from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.elements import Rejection
from indexed_imagenet.transforms.encode_shards import (
    check_content,
    could_not_be_read,
    reject,
)
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.example_decoder import (
    BYTES,
    INT64,
    decode_example,
)
from indexed_imagenet.transforms.formats.example_encoder import ExampleEncoder
from indexed_imagenet.transforms.formats.image_warnings import (
    ImageWarning,
    ImageWarnings,
)
from indexed_imagenet.transforms.formats.shard_info import (
    DECODE,
    RECORD_DTYPE,
    Converted,
    ShardInfo,
    digest_rows,
)
from indexed_imagenet.transforms.formats.tfrecord import CorruptFrame, Frame, read_frames
from indexed_imagenet.transforms.images import tf_codec
from indexed_imagenet.transforms.images.check_image import (
    CheckedImage,
    InvalidImageError,
    check_image,
)
from indexed_imagenet.transforms.images.jpeg_warnings import find_warning
from indexed_imagenet.transforms.inputs.read_images import read_images
from indexed_imagenet.transforms.rows import WHOLE, Row, each_row, shown_path


def _sound_frames(path: str) -> Iterator[Frame | None]:
    """Yields the frames of a file, and last None if one is damaged or unreadable."""
    try:
        for found in read_frames(path):
            if isinstance(found, CorruptFrame) or not found.crc_ok:
                yield None
                return
            yield found
    except OSError:
        yield None


def contents_match(path: str, info: ShardInfo) -> bool:
    """Returns whether a shard's file holds what its entry says, by its checksums."""
    found = []
    for frame in _sound_frames(path):
        if frame is None:
            return False
        found.append((len(frame.payload), frame.crc))
    records = info.records
    expected = zip(records['length'].tolist(), records['crc32c'].tolist(), strict=True)
    return found == list(expected)


def reject_again(directory: str, rows: np.ndarray, check: str) -> list[Rejection] | None:
    """Checks again the images that a shard lacks.

    Args:
      directory: what the sources of rows are relative to.
      rows: see ``rows.row_dtype``.
      check: how thoroughly, one of ``shard_info.CHECKS``.

    Returns:
      Why each is rejected; None if one of them is good or cannot be read, so that the
      shard must be made again.
    """
    rejected = []
    for row, content in read_images(directory, each_row(rows)):
        try:
            check_content(content, check)
            return None
        except InvalidImageError as error:
            rejected.append(reject(row, str(error)))
        if could_not_be_read(rejected[-1]):
            return None
    return rejected


def read_index_and_image(payload: bytes) -> tuple[int, bytes] | None:
    """Returns the index and the image of a record; None if it does not have both."""
    try:
        features = decode_example(payload)
    except ValueError:
        return None
    index, image = features.get('index'), features.get('image/encoded')
    if not index or (index.kind, len(index.values)) != (INT64, 1):
        return None
    if not image or (image.kind, len(image.values)) != (BYTES, 1):
        return None
    return index.values[0], image.values[0]


def _find_conversion(
    row: Row, image: bytes, directory: str, check: str
) -> Converted | None:
    """Finds out whether a record's image is a converted one.

    Raises:
      InvalidImageError: the record's image is not what becomes of the row's.
      OSError: the image cannot be read.
    """
    path = storage.join(directory, storage.os_name(row.source))
    size = storage.size(path) if row.length == WHOLE else row.size or row.length
    if size == len(image):
        return None  # a conversion keeps the size by a rare chance only
    [(_, content)] = read_images(directory, [row])
    if isinstance(content, OSError):
        raise OSError(f'{printable(path)} cannot be read: {error_text(content)}')
    made = check_content(content, check)
    if made.encoded != image or made.converted_from is None:
        raise InvalidImageError('it is another image')
    return Converted(row.index, made.converted_from, tf_codec.codec())


class ShardAdopter:
    """Recognises shards of this build whose entries are lost.

    A shard is adopted only if each of its records is, byte for byte, what the build
    writes for that example, in the promised order.
    """

    def __init__(
        self, build_id: BuildId, directory: str, encoder: ExampleEncoder, check: str
    ):
        """Initializes the adopter.

        Args:
          build_id: of the build.
          directory: what the sources of rows are relative to.
          encoder: makes the records.
          check: how thoroughly images are looked at.
        """
        self._build_id = build_id
        self._directory = directory
        self._encoder = encoder
        self._check = check

    def adopt(self, path: str, shard: int, rows: np.ndarray) -> ShardInfo | None:
        """Makes the entry of a shard from its file.

        Args:
          path: of the file.
          shard: from 0.
          rows: the images that belong in it, in the order of their ranks.

        Returns:
          The entry; None if the file is damaged or something else.

        Raises:
          RuntimeError: it holds an example whose image was not found.
          OSError: an image cannot be read.
        """
        by_index = {row.index: row for row in each_row(rows)}
        places = {index: place for place, index in enumerate(by_index)}
        records: list[tuple[int, int, int]] = []
        converted: list[Converted] = []
        warnings: list[ImageWarning] = []
        last = -1
        for frame in _sound_frames(path):
            found = frame and read_index_and_image(frame.payload)
            if not frame or not found:
                return None
            index, image = found
            if index not in places:
                self._refuse_to_lose(path, shard, index)
                return None
            if places[index] <= last:
                return None
            last = places[index]
            row = by_index[index]
            try:
                checked = check_image(image, self._check)
                if self._encode(row, checked) != frame.payload:
                    return None
                conversion = _find_conversion(row, image, self._directory, self._check)
            except InvalidImageError:
                return None
            if conversion:
                converted.append(conversion)
            elif self._check == DECODE:
                warning = find_warning(image, is_cmyk=False)
                if warning is not None:
                    found_warning = ImageWarning(index, shown_path(row), warning)
                    warnings.append(found_warning)
            records.append((index, len(frame.payload), frame.crc))
        held = np.array(records, RECORD_DTYPE)
        return ShardInfo(
            self._build_id.digest,
            digest_held_rows(rows, held),
            self._check,
            tuple(converted),
            held,
            ImageWarnings.pack(warnings),
        )

    def _encode(self, row: Row, image: CheckedImage) -> bytes:
        parts = self._encoder.encode(
            row.index, row.name, row.label, image.encoded, image.height, image.width
        )
        return b''.join(parts)

    def _refuse_to_lose(self, path: str, shard: int, index: int) -> None:
        """Refuses to remake a shard without an example that it holds now."""
        if index in self._build_id.shuffle.expected(shard):
            raise RuntimeError(
                f'{path} holds index {index}, but its image was not found; give the '
                'directory that has it, or delete the shard to build it without'
            )


def held_rows(rows: np.ndarray, records: np.ndarray) -> np.ndarray:
    """Returns the rows of the images that a shard holds, see ``RECORD_DTYPE``."""
    return rows[np.isin(rows['index'], records['index'])]


def digest_held_rows(rows: np.ndarray, records: np.ndarray) -> str:
    """Returns the ``digest_rows`` of the images that a shard holds."""
    held = held_rows(rows, records)
    return digest_rows(held['index'], held['label'], held['name'].tolist())


def fits_shard(path: str, build_id: BuildId, shard: int, most: int) -> bool | None:
    """Looks at the first records of a shard: are they of this build?

    Args:
      path: of the file.
      build_id: of the build.
      shard: from 0.
      most: how many records to look at.

    Returns:
      Whether their indices belong in this shard in this order; None if no record can be
      read.
    """
    places = {index: n for n, index in enumerate(build_id.shuffle.expected(shard))}
    found: list[int] = []
    for frame in _sound_frames(path):
        record = frame and read_index_and_image(frame.payload)
        if not record or len(found) == most:
            break
        found.append(places.get(record[0], -1))
    if not found:
        return None
    return found[0] >= 0 and all(a < b for a, b in zip(found, found[1:], strict=False))


def any_shard_fits(
    paths: Sequence[tuple[int, str]], build_id: BuildId, most: int
) -> bool:
    """Returns whether shards whose build is unknown are those of a build.

    Args:
      paths: number and path of each shard.
      build_id: of the build.
      most: how many shards to look at that can be read, and records of each.
    """
    looked_at = 0
    for shard, path in paths:
        fits = fits_shard(path, build_id, shard, most)
        if fits is False:
            return False
        looked_at += fits is True
        if looked_at == most:
            break
    return looked_at > 0
