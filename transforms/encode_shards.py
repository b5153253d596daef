"""Reads and encodes the images of each shard, in the order of their places.

Every record is handed on as soon as it is made: a worker holds what is read
ahead and one record, never a shard.
"""

import time
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics

from transforms import files
from transforms.encode_example import ExampleEncoder, Label
from transforms.load_picture import BadPicture, load_picture
from transforms.place_rows import Placement
from transforms.read_images import read_images
from transforms.records import Record, Rejection, ShardEnd
from transforms.rows import Row, each_row, unpack_blocks
from transforms.verdict import Verdict

# How the reason of a rejection begins that is not about the image's content.
CANNOT_BE_READ = 'cannot be read'


def encode_shard(
    shard: int,
    images: Iterable[tuple[Row, bytes | OSError]],
    encoder: ExampleEncoder,
) -> Iterator[Record | Rejection | tuple[int, str]]:
    """Encodes the images of one shard.

    Once an image is rejected the shard is not going to be written, so no more
    records are made of it; the rest is still checked, so that one run names
    every bad image.

    Yields:
      A ``Record`` for each image, before it an (index, converted from) where
      the image had to be converted, or a ``Rejection`` in place of both.
    """
    position, rejected = 0, False
    for row, image in images:
        try:
            if isinstance(image, OSError):
                raise BadPicture(f'{CANNOT_BE_READ}: {files.reason_of(image)}')
            picture = load_picture(image)
        except BadPicture as error:
            rejected = True
            reason = files.show_text(str(error))
            yield Rejection(row.index, files.show_name(row.source), reason)
            continue
        if rejected:
            continue
        if picture.converted_from:
            yield row.index, picture.converted_from
        payload = encoder.encode(row.index, row.name, row.label, picture)
        yield Record(shard, position, payload)
        position += 1


def find_doubles(rows: np.ndarray) -> list[Rejection]:
    """The images of one shard that share their index with another."""
    index, counts = np.unique(rows['index'], return_counts=True)
    doubles = rows[np.isin(rows['index'], index[counts > 1])]
    return [
        Rejection(row.index, files.show_name(row.source), 'there twice')
        for row in each_row(doubles)
    ]


class _EncodeShard(beam.DoFn):
    def __init__(self, directory: str, placement: Placement, labels: Sequence[Label]):
        self._directory = directory
        self._placement = placement
        self._labels = labels
        self._rows_in = Metrics.counter('encode_shards', 'rows_in')
        self._records_out = Metrics.counter('encode_shards', 'records_out')

    def setup(self):
        self._encoder = ExampleEncoder(self._labels)

    def process(self, keyed: tuple[int, Iterable[bytes]], verdict: Verdict):
        shard, blocks = keyed
        started = time.time()
        rows = self._placement.in_order(unpack_blocks(blocks))
        self._rows_in.inc(len(rows))
        missing = np.empty(0, np.int32)
        converted, rejected, num_records = [], [], 0
        if verdict.is_bad:
            rejected = find_doubles(rows)
        else:
            missing = np.setdiff1d(self._placement.expected(shard), rows['index'])
            images = read_images(self._directory, each_row(rows))
            for made in encode_shard(shard, images, self._encoder):
                if isinstance(made, Record):
                    num_records += 1
                    yield made
                elif isinstance(made, Rejection):
                    rejected.append(made)
                else:
                    converted.append(made)
        self._records_out.inc(num_records)
        yield ShardEnd(
            shard,
            num_records,
            wanted=not verdict.is_bad and not rejected,
            labels=np.unique(rows['label']),
            converted=converted,
            missing=missing,
            rejected=rejected,
            started=started,
        )


class EncodeShards(beam.PTransform):
    """Takes (shard, blocks of rows), gives the shard's records and its end mark.

    The verdict comes as a side input. After a bad one no image is read, and every
    shard is an end mark alone, which names the images that are there twice.
    """

    def __init__(
        self,
        directory: str,
        placement: Placement,
        labels: Sequence[Label],
        verdict: beam.pvalue.AsSingleton,
    ):
        super().__init__()
        self._directory = directory
        self._placement = placement
        self._labels = tuple(labels)
        self._verdict = verdict

    def expand(self, grouped):
        return grouped | 'Read images and encode records' >> beam.ParDo(
            _EncodeShard(self._directory, self._placement, self._labels), self._verdict
        ).with_output_types(Record | ShardEnd)
