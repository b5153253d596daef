"""Reads and rewrites shards of a good data set, to plant the faults verify must find."""

import pathlib
from collections.abc import Iterable

from indexed_imagenet.transforms.formats.shard_info import DECODE
from indexed_imagenet.transforms.formats.tfrecord import crc32c, frame, read_frames
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image

# The shard of the golden tree that gets the faults.
SHARD = 'train-00001-of-00004'


def read_payloads(path: pathlib.Path) -> list[bytes]:
    """Returns the payload of each record of a shard."""
    return [found.payload for found in read_frames(str(path))]


def write_shard(path: pathlib.Path, payloads: Iterable[bytes]) -> None:
    """Writes a shard with correct frames."""
    path.write_bytes(b''.join(b''.join(frame([p], crc32c(p))) for p in payloads))


def frame_offset(path: pathlib.Path, number: int) -> int:
    """Returns where the frame of a shard's record begins, in bytes."""
    return sum(len(payload) + 16 for payload in read_payloads(path)[:number])


def index_of(tf, payload: bytes) -> int:
    """Returns the index feature of a record."""
    example = tf.train.Example.FromString(payload)
    return example.features.feature['index'].int64_list.value[0]


def damage_tables(encoded: bytes) -> bytes:
    """Returns a JPEG that passes the quick check, but does not decode."""
    for place in range(20, len(encoded)):
        damaged = bytearray(encoded)
        damaged[place] ^= 0x40
        try:
            check_image(bytes(damaged))
        except InvalidImageError:
            continue
        try:
            check_image(bytes(damaged), DECODE)
        except InvalidImageError:
            return bytes(damaged)
    raise AssertionError('no byte changes only the result of decoding')
