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


def remove_manifest(directory: pathlib.Path) -> None:
    """Removes the manifest of train, and the file that repeats what it says."""
    for name in ('train.json', 'dataset_info.json'):
        (directory / name).unlink()


def index_of(tf, payload: bytes) -> int:
    """Returns the index feature of a record."""
    example = tf.train.Example.FromString(payload)
    return example.features.feature['index'].int64_list.value[0]


def damage_scan(progressive: bytes) -> bytes:
    """Returns a JPEG with a flipped bit that the quick check accepts, but no decoder."""
    for place in range(20, len(progressive)):
        damaged = bytearray(progressive)
        damaged[place] ^= 1
        try:
            check_image(bytes(damaged))
        except InvalidImageError:
            continue
        try:
            check_image(bytes(damaged), DECODE)
        except InvalidImageError:
            return bytes(damaged)
    raise AssertionError('the quick check finds every flipped bit')
