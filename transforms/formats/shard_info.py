"""What is known of a finished shard, and noted beside it until the manifest is.

A shard whose record belongs to the same build, the same rows and a file of the
right size need not be made again: what the manifest and the offsets will say of
it stands in its record.
"""

import base64
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from indexed_imagenet.transforms.formats.tfrecord import OVERHEAD

# How thoroughly images were looked at: QUICK decodes those in doubt, DECODE all.
QUICK = 'quick'
DECODE = 'decode'
CHECKS = (QUICK, DECODE)

# One record of a shard: who it is, its payload's size in bytes, and the crc32c
# of its payload (not masked).
RECORD_DTYPE = np.dtype([('index', '<i8'), ('length', '<i8'), ('crc32c', '<u4')])


class Converted(NamedTuple):
    """An image whose bytes are not the file's own.

    Attributes:
      index: the example.
      source: ``PNG`` or ``CMYK``, what it was converted from.
      codec: what converted it, as its bytes depend on that, for example
        ``tensorflow 2.21.0, x86_64``.
    """

    index: int
    source: str
    codec: str


def digest_records(content: np.ndarray) -> str:
    """sha256 over (index, length, crc32c) of records, in the order given.

    Of a whole data set, ordered by index, it is the fingerprint: 20 bytes a
    record, little-endian, as ``RECORD_DTYPE`` has them.
    """
    in_bytes = np.ascontiguousarray(content, RECORD_DTYPE).view(np.uint8)
    return hashlib.sha256(in_bytes).hexdigest()


def digest_rows(index: np.ndarray, labels: np.ndarray, names: Sequence[bytes]) -> str:
    """sha256 over who the examples of a shard are, in the order of the shard.

    Args:
      index: position in the index file, shape [n].
      labels: position of the synset, from 0, shape [n].
      names: basenames.
    """
    numbers = np.stack([index, labels], axis=1).astype('<i8')
    return hashlib.sha256(numbers.tobytes() + b'\0'.join(names)).hexdigest()


@dataclasses.dataclass(frozen=True)
class ShardInfo:
    """What is known of a finished shard.

    Attributes:
      build_id: digest of the build's build_id.
      rows: ``digest_rows`` of the examples in it.
      check: how its images were checked, one of ``CHECKS``.
      converted: the examples whose images were converted.
      content: shape [n], dtype ``RECORD_DTYPE``, in the order of the file.
    """

    build_id: str
    rows: str
    check: str
    converted: tuple[Converted, ...]
    content: np.ndarray

    @property
    def num_bytes(self) -> int:
        """The size of the file."""
        return int(self.content['length'].sum()) + OVERHEAD * len(self.content)

    @property
    def digest(self) -> str:
        """What identifies the file's content."""
        return digest_records(self.content)

    def offsets(self) -> np.ndarray:
        """Where each record's frame begins in the file, in bytes, int64."""
        ends = np.cumsum(self.content['length'] + OVERHEAD)
        return np.concatenate([[0], ends[:-1]])[: len(ends)]

    def to_json(self) -> bytes:
        """The record as its note."""
        return json.dumps(
            {
                'identity': self.build_id,
                'rows': self.rows,
                'check': self.check,
                'records': len(self.content),
                'bytes': self.num_bytes,
                'digest': self.digest,
                'converted': self.converted,
                'content': base64.b64encode(self.content.tobytes()).decode(),
            }
        ).encode()

    @classmethod
    def from_json(cls, note: bytes) -> 'ShardInfo':
        """Reads what ``to_json`` wrote.

        Raises:
          ValueError: this is no whole record. A note may be cut off if the
            machine went down.
        """
        try:
            fields = json.loads(note)
            record = cls(
                str(fields['identity']),
                str(fields['rows']),
                str(fields['check']),
                tuple(Converted(*entry) for entry in fields['converted']),
                np.frombuffer(base64.b64decode(fields['content']), RECORD_DTYPE),
            )
            digest = fields['digest']
        except (TypeError, KeyError) as error:
            raise ValueError(f'no record of a shard: {error!r}') from error
        if record.check not in CHECKS:
            raise ValueError(f'its check is {record.check!r}, expected one of {CHECKS}')
        if record.digest != digest:
            raise ValueError(f'its digest is {record.digest}, expected {digest}')
        return record
