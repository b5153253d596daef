"""Reads and encodes the images of each shard, in the order of their ranks.

Every record is handed on as soon as it is made: a worker holds what is read ahead and
one record, never a shard.
"""

import dataclasses
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
    InvalidImageError,
    check_image,
)
from indexed_imagenet.transforms.images.jpeg_warnings import find_warning
from indexed_imagenet.transforms.inputs.read_images import read_images
from indexed_imagenet.transforms.rows import Row, each_row

# How the reason of a rejection begins that is not about the image's content.
CANNOT_BE_READ = 'cannot be read'

# What becomes of a shard that a bad image belongs in: it is left out, or written
# without that image.
FAIL = 'fail'
SKIP = 'skip'


@dataclasses.dataclass(frozen=True, slots=True)
class ImagePolicy:
    """How images are checked, and what a bad one leads to.

    Attributes:
      check: how thoroughly each is looked at, one of ``shard_info.CHECKS``.
      bad_images: ``FAIL`` or ``SKIP``.
    """

    check: str
    bad_images: str

    def __post_init__(self) -> None:
        for name, choices in (('check', CHECKS), ('bad_images', (FAIL, SKIP))):
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(
                    f'{name} is {value!r} (expected one of {", ".join(choices)})'
                )


def encode_shard(
    shard: int,
    images: Iterable[tuple[Row, bytes | OSError]],
    encoder: ExampleEncoder,
    policy: ImagePolicy,
) -> Iterator[Record | Rejection | Converted | ImageWarning]:
    """Encodes the images of one shard.

    Unless bad images are skipped, the shard is not going to be written once one is
    rejected, so no more records are made of it; the rest is still checked, so that
    one run names every bad image.

    Yields:
      A ``Record`` for each image, preceded by a ``Converted`` if the image had to be
      converted and an ``ImageWarning`` if there is one, or a ``Rejection`` instead.
    """
    position, is_lost = 0, False
    for row, content in images:
        try:
            if isinstance(content, OSError):
                raise InvalidImageError(f'{CANNOT_BE_READ}: {error_text(content)}')
            image = check_image(content, policy.check)
        except InvalidImageError as error:
            is_lost = policy.bad_images == FAIL
            yield Rejection(row.index, printable(row.source), printable(str(error)))
            continue
        if is_lost:
            continue
        if image.converted_from:
            yield Converted(row.index, image.converted_from, tf_codec.codec())
        if policy.check == DECODE and image.converted_from != PNG:
            warning = find_warning(content, is_cmyk=image.converted_from == CMYK)
            if warning is not None:
                yield ImageWarning(row.index, printable(row.source), warning)
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
        yield ShardEnd(
            plan.shard,
            num_records,
            wanted=not (rejected and self._policy.bad_images == FAIL),
            build_id=self._build_id,
            rows=digest_rows(rows['index'], rows['label'], rows['name'].tolist()),
            check=self._policy.check,
            converted=tuple(converted),
            labels=np.unique(rows['label']),
            missing=plan.missing,
            rejected=Rejections.pack(rejected),
            started=started,
            warnings=ImageWarnings.pack(warnings),
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
