"""Reads and encodes the images of each shard, in the order of their ranks.

Every record is handed on as soon as it is made: a worker holds what is read ahead and
one record, never a shard.
"""

import dataclasses
import errno
import time
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics

from indexed_imagenet.text import error_text, printable
from indexed_imagenet.transforms.elements import (
    Record,
    Rejection,
    Rejections,
    ShardEnd,
    ShardPlan,
)
from indexed_imagenet.transforms.formats.example_encoder import ExampleEncoder, Label
from indexed_imagenet.transforms.formats.image_warnings import (
    ImageWarning,
    ImageWarnings,
)
from indexed_imagenet.transforms.formats.shard_info import (
    CHECKS,
    CMYK,
    DECODE,
    PNG,
    Converted,
    digest_rows,
)
from indexed_imagenet.transforms.images import tf_codec
from indexed_imagenet.transforms.images.check_image import (
    CheckedImage,
    InvalidImageError,
    check_image,
)
from indexed_imagenet.transforms.images.jpeg_warnings import find_warning
from indexed_imagenet.transforms.inputs.read_images import read_images
from indexed_imagenet.transforms.rows import Row, each_row, shown_path

# How the reason of a rejection begins if the image could not be read. That says nothing
# about the image: the next attempt may work, so no shard is written without it.
CANNOT_BE_READ = 'cannot be read'

# Errors of reading that are about the file itself and stay: too large, not a regular
# file, a socket, a link to itself. Such a file is a bad image.
_ABOUT_THE_FILE = frozenset({errno.EFBIG, errno.EINVAL, errno.ENXIO, errno.ELOOP})

# What becomes of a shard that a bad image belongs in: it is left out, or written
# without that image.
FAIL = 'fail'
SKIP = 'skip'

# The share of bad images beyond which skipping them is refused, and the number of bad
# images up to which it is not.
MAX_BAD_FRACTION = 0.01
MIN_BAD_IMAGES = 10


@dataclasses.dataclass(frozen=True, slots=True)
class ImagePolicy:
    """How images are checked, and what a bad one leads to.

    Attributes:
      check: how thoroughly each is looked at, one of ``shard_info.CHECKS``.
      bad_images: ``FAIL`` or ``SKIP``.
      max_bad_fraction: the share of a split's images, 0 to 1, that may be skipped.
    """

    check: str
    bad_images: str
    max_bad_fraction: float = MAX_BAD_FRACTION

    def __post_init__(self) -> None:
        for name, choices in (('check', CHECKS), ('bad_images', (FAIL, SKIP))):
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(
                    f'{name} is {value!r} (expected one of {", ".join(choices)})'
                )


def reject(row: Row, reason: str) -> Rejection:
    """Rejects the image of a row."""
    return Rejection(row.index, shown_path(row), printable(reason))


def could_not_be_read(rejection: Rejection) -> bool:
    """Returns whether an image was not rejected for what it is."""
    return rejection.reason.startswith(f'{CANNOT_BE_READ}: ')


def check_content(content: bytes | OSError, check: str) -> CheckedImage:
    """Checks what was read of an image.

    Args:
      content: the file's bytes, or the error that reading it raised.
      check: one of ``shard_info.CHECKS``.

    Raises:
      InvalidImageError: the image is bad, or could not be read; the reason then begins
        with ``CANNOT_BE_READ``.
    """
    if not isinstance(content, OSError):
        return check_image(content, check)
    reason = error_text(content)
    if content.errno in _ABOUT_THE_FILE:
        raise InvalidImageError(reason)
    raise InvalidImageError(f'{CANNOT_BE_READ}: {reason}')


def encode_shard(
    shard: int,
    images: Iterable[tuple[Row, bytes | OSError]],
    encoder: ExampleEncoder,
    policy: ImagePolicy,
) -> Iterator[Record | Rejection | Converted | ImageWarning]:
    """Encodes the images of one shard.

    Unless bad images are skipped, the shard is not going to be written once one is
    rejected, nor in any case once one cannot be read, so no more records are made of
    it; the rest is still checked, so that one run names every bad image.

    Yields:
      A ``Record`` for each image, preceded by a ``Converted`` if the image had to be
      converted and an ``ImageWarning`` if there is one, or a ``Rejection`` instead.
    """
    position, is_lost = 0, False
    for row, content in images:
        try:
            image = check_content(content, policy.check)
        except InvalidImageError as error:
            rejection = reject(row, str(error))
            is_lost |= policy.bad_images == FAIL or could_not_be_read(rejection)
            yield rejection
            continue
        if is_lost:
            continue
        if image.converted_from:
            yield Converted(row.index, image.converted_from, tf_codec.codec())
        is_png = image.converted_from == PNG
        if policy.check == DECODE and isinstance(content, bytes) and not is_png:
            warning = find_warning(content, is_cmyk=image.converted_from == CMYK)
            if warning is not None:
                yield ImageWarning(row.index, shown_path(row), warning)
        parts = encoder.encode(
            row.index, row.name, row.label, image.encoded, image.height, image.width
        )
        yield Record(shard, position, row.index, parts)
        position += 1


class _EncodeShard(beam.DoFn):
    def __init__(
        self, directory: str, labels: Sequence[Label], build_id: str, policy: ImagePolicy
    ):
        self._directory = directory
        self._labels = labels
        self._build_id = build_id
        self._policy = policy
        self._rows_in = Metrics.counter('encode_shards', 'rows_in')
        self._records_out = Metrics.counter('encode_shards', 'records_out')
        self._rejected = Metrics.counter('encode_shards', 'images_rejected')

    def setup(self) -> None:
        self._encoder = ExampleEncoder(self._labels)

    def process(self, plan: ShardPlan) -> Iterator[Record | ShardEnd]:
        started = time.time()
        self._rows_in.inc(len(plan.rows))
        converted: list[Converted] = []
        rejected: list[Rejection] = []
        warnings: list[ImageWarning] = []
        num_records = 0
        images = read_images(self._directory, each_row(plan.rows))
        for made in encode_shard(plan.shard, images, self._encoder, self._policy):
            if isinstance(made, Record):
                num_records += 1
                yield made
            elif isinstance(made, Rejection):
                rejected.append(made)
            elif isinstance(made, ImageWarning):
                warnings.append(made)
            else:
                converted.append(made)
        self._records_out.inc(num_records)
        self._rejected.inc(len(rejected))
        bad = [rejection.index for rejection in rejected]
        rows = plan.rows[~np.isin(plan.rows['index'], bad)]
        unwanted = rejected and self._policy.bad_images == FAIL
        yield ShardEnd(
            plan.shard,
            num_records,
            wanted=not (unwanted or any(map(could_not_be_read, rejected))),
            build_id=self._build_id,
            rows=digest_rows(rows['index'], rows['label'], rows['name'].tolist()),
            check=self._policy.check,
            converted=tuple(converted),
            labels=np.unique(rows['label']),
            missing=plan.missing,
            rejected=Rejections.pack(rejected),
            started=started,
            warnings=ImageWarnings.pack(warnings),
            damaged=plan.damaged,
        )


class EncodeShards(beam.PTransform):
    """Takes ``ShardPlan``s, gives the records of each and its end mark."""

    def __init__(
        self, directory: str, labels: Sequence[Label], build_id: str, policy: ImagePolicy
    ):
        """Initializes the transform.

        Args:
          directory: what the sources of rows are relative to.
          labels: the class of each label, from 0.
          build_id: digest of the build's ID, for the entries of shards.
          policy: how images are checked.
        """
        super().__init__()
        self._arguments = (directory, tuple(labels), build_id, policy)

    def expand(self, plans: beam.PCollection) -> beam.PCollection:
        return plans | 'Read images and encode records' >> beam.ParDo(
            _EncodeShard(*self._arguments)
        ).with_input_types(ShardPlan).with_output_types(Record | ShardEnd)
