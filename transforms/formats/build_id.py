"""What makes two builds of a split the same build.

Shards of the same build ID and the same images are the same bytes, so a run may keep
what an earlier one has finished. Where the images came from is not part of it.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from indexed_imagenet.transforms.formats.example_encoder import RECORD_VERSION, Label
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.formats.json_fields import decode_fields
from indexed_imagenet.transforms.formats.shuffle import Shuffle

_NAMES_AT_ONCE = 10_000

# What a difference is called, and the flag that it comes from.
_MEANINGS = {
    'split': 'split',
    'names': "the index's names (--imagenet_index_file)",
    'labels': "the index's labels (--imagenet_index_file)",
    'classes': 'synsets and texts (--labels_file, --imagenet_metadata_file)',
    'num_examples': 'length of the index (--imagenet_index_file)',
    'num_shards': 'number of shards',
    'shuffle_seed': '--shuffle_seed',
    'record_version': 'version of the record format',
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Fields:
    """A build ID as JSON has it."""

    split: str
    names: str
    labels: str
    classes: str
    num_examples: int
    num_shards: int
    shuffle_seed: int
    record_version: int


@dataclasses.dataclass(frozen=True, slots=True)
class BuildId:
    """What the bytes of a split depend on, apart from the images.

    Attributes:
      split: ``train`` or ``validation``.
      names, labels: sha256 of the index's names and labels, in its order.
      classes: sha256 of the synset and text of each label.
      shuffle: length of the index, number of shards and seed.
      record_version: ``example_encoder.RECORD_VERSION``.
    """

    split: str
    names: str
    labels: str
    classes: str
    shuffle: Shuffle
    record_version: int = RECORD_VERSION

    @property
    def digest(self) -> str:
        """sha256 of all of it."""
        content = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Returns the build ID as JSON has it."""
        fields = _Fields(
            self.split,
            self.names,
            self.labels,
            self.classes,
            self.shuffle.num_examples,
            self.shuffle.num_shards,
            self.shuffle.seed,
            self.record_version,
        )
        return dataclasses.asdict(fields)

    @classmethod
    def from_dict(cls, fields: Any) -> 'BuildId':
        """Reads what ``to_dict`` returned.

        Raises:
          ValueError: a field is missing, of another type, impossible, or unknown.
        """
        known = decode_fields(_Fields, fields, exact=True)
        return cls(
            known.split,
            known.names,
            known.labels,
            known.classes,
            Shuffle(known.num_examples, known.num_shards, known.shuffle_seed),
            known.record_version,
        )

    def differences(self, other: 'BuildId') -> list[str]:
        """Names each field in which another build ID differs, with both values."""
        found = []
        ours, theirs = self.to_dict(), other.to_dict()
        for name, our_value in ours.items():
            if our_value != theirs[name]:
                values = f'{theirs[name]} there, {our_value} now'
                if isinstance(our_value, str):
                    values = f'sha256 {theirs[name][:12]}… there, {our_value[:12]}… now'
                found.append(f'{_MEANINGS[name]}: {values}')
        return found


def digest_labels(labels: Sequence[Label]) -> str:
    """Returns the sha256 of what records say of each class."""
    lines = [f'{label.synset}\t{label.text}\n' for label in labels]
    return hashlib.sha256(''.join(lines).encode()).hexdigest()


def digest_index(index: SplitIndex) -> tuple[str, str]:
    """Returns the sha256 of an index's names and labels, in whatever form it came."""
    names = hashlib.sha256()
    # In parts: as Python objects, the names of the training set are 80 MB.
    for start in range(0, len(index.names), _NAMES_AT_ONCE):
        part = index.names[start : start + _NAMES_AT_ONCE].tolist()
        names.update(b''.join(name + b'\0' for name in part))
    labels = hashlib.sha256(index.labels.astype('<i4').tobytes())
    return names.hexdigest(), labels.hexdigest()


def make_build_id(
    split: str, index: SplitIndex, labels: Sequence[Label], shuffle: Shuffle
) -> BuildId:
    """Returns the build ID of a split."""
    return BuildId(split, *digest_index(index), digest_labels(labels), shuffle)
