"""The entry of a finished shard, in the staging folder until there is a manifest.

A shard whose entry belongs to the same build and the same rows, and whose file has the
right size, need not be made again: what the manifest and the offsets say of it is in
its entry.
"""

import base64
import dataclasses
import hashlib
import json
from collections.abc import Sequence

import numpy as np

from indexed_imagenet.transforms.formats.image_warnings import (
    ImageWarning,
    ImageWarnings,
)
from indexed_imagenet.transforms.formats.tfrecord import OVERHEAD

# How thoroughly images were looked at: QUICK decodes those in doubt, DECODE all.
QUICK = 'quick'
DECODE = 'decode'
CHECKS = (QUICK, DECODE)

# What a converted image was.
PNG = 'PNG'
CMYK = 'CMYK'

# One record of a shard: its example, its payload's size in bytes, and the crc32c
# of its payload (not masked).
RECORD_DTYPE = np.dtype([('index', '<i8'), ('length', '<i8'), ('crc32c', '<u4')])


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Converted:
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


def digest_records(records: np.ndarray) -> str:
    """Returns the sha256 over (index, length, crc32c) of records, in the order given.

    Of a whole data set, ordered by index, it is the fingerprint: 20 bytes per
    record, little-endian, as ``RECORD_DTYPE`` has them.
    """
    in_bytes = np.ascontiguousarray(records, RECORD_DTYPE).view(np.uint8)
    return hashlib.sha256(in_bytes.data).hexdigest()


def digest_rows(index: np.ndarray, labels: np.ndarray, names: Sequence[bytes]) -> str:
    """Returns the sha256 over a shard's examples, in the order of the shard.

    Args:
      index: position in the index file, shape [n].
      labels: position of the synset, from 0, shape [n].
      names: basenames.
    """
    numbers = np.stack([index, labels], axis=1).astype('<i8')
    return hashlib.sha256(numbers.tobytes() + b'\0'.join(names)).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class ShardInfo:
    """What is known of a finished shard.

    Attributes:
      build_id: digest of the build's ID.
      rows: ``digest_rows`` of the examples in it.
      check: how its images were checked, one of ``CHECKS``.
      converted: the examples whose images were converted.
      records: shape [n], dtype ``RECORD_DTYPE``, in the order of the file.
      warnings: about the images in it; looked for with the check ``DECODE``.
    """

    build_id: str
    rows: str
    check: str
    converted: tuple[Converted, ...]
    records: np.ndarray
    warnings: ImageWarnings = ImageWarnings()

    @property
    def num_bytes(self) -> int:
        """The size of the file."""
        return int(self.records['length'].sum()) + OVERHEAD * len(self.records)

    @property
    def digest(self) -> str:
        """What identifies the file's content."""
        return digest_records(self.records)

    def offsets(self) -> np.ndarray:
        """Returns where each record's frame begins in the file, in bytes, int64."""
        ends = np.cumsum(self.records['length'] + OVERHEAD)
        return np.concatenate([[0], ends[:-1]])[: len(ends)]

    def to_json(self) -> bytes:
        """Returns the content of the entry's file."""
        fields = {
            'identity': self.build_id,
            'rows': self.rows,
            'check': self.check,
            'records': len(self.records),
            'bytes': self.num_bytes,
            'digest': self.digest,
            'converted': [dataclasses.astuple(entry) for entry in self.converted],
            'content': base64.b64encode(self.records.tobytes()).decode(),
        }
        if self.warnings.count:  # entries of earlier versions do not have the field
            warnings = self.warnings.unpack()
            fields['warnings'] = [dataclasses.astuple(warning) for warning in warnings]
        return json.dumps(fields).encode()

    @classmethod
    def from_json(cls, content: bytes) -> 'ShardInfo':
        """Reads what ``to_json`` wrote.

        Raises:
          ValueError: it is not a whole entry. One may be cut off if the machine
            went down.
        """
        try:
            fields = json.loads(content)
            info = cls(
                str(fields['identity']),
                str(fields['rows']),
                str(fields['check']),
                tuple(Converted(*entry) for entry in fields['converted']),
                np.frombuffer(base64.b64decode(fields['content']), RECORD_DTYPE),
                ImageWarnings.pack(ImageWarning(*w) for w in fields.get('warnings', [])),
            )
            digest = fields['digest']
        except (TypeError, KeyError) as error:
            raise ValueError(f'not the entry of a shard: {error!r}') from error
        if info.check not in CHECKS:
            raise ValueError(
                f'its check is {info.check!r} (expected one of {", ".join(CHECKS)})'
            )
        if info.digest != digest:
            raise ValueError(f'its digest is {info.digest} (expected {digest})')
        return info
