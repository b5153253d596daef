"""What makes two builds of a split the same build.

Shards of the same build_id and the same images are the same bytes, so a run
may keep what an earlier one has finished. Where the images came from is no part
of it.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from indexed_imagenet.transforms.formats.example_encoder import RECORD_VERSION, Label
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.shuffle_rows import Shuffle

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


@dataclasses.dataclass(frozen=True)
class BuildId:
    """What the bytes of a split depend on, but for the images.

    Attributes:
      split: ``train`` or ``validation``.
      names, labels: sha256 of the index's names and labels, in its order.
      classes: sha256 of the synset and text of each label.
      num_examples: length of the index.
      num_shards, shuffle_seed: see ``Shuffle``.
      record_version: ``encode_example.RECORD_VERSION``.
    """

    split: str
    names: str
    labels: str
    classes: str
    num_examples: int
    num_shards: int
    shuffle_seed: int
    record_version: int = RECORD_VERSION

    @property
    def digest(self) -> str:
        """sha256 of all of it."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The build_id as JSON has it."""
        return dataclasses.asdict(self)

    def to_json(self) -> bytes:
        """The build_id as a file of its own."""
        return json.dumps(self.to_dict(), sort_keys=True).encode()

    @classmethod
    def from_json(cls, content: bytes) -> 'BuildId':
        """Reads what ``to_json`` wrote.

        Raises:
          ValueError: it is something else.
        """
        return cls.from_dict(json.loads(content))

    @classmethod
    def from_dict(cls, fields: Any) -> 'BuildId':
        """Reads what ``to_dict`` gave.

        Raises:
          ValueError: a field is missing, of another type, impossible, or unknown.
        """
        expected = {field.name: field.type for field in dataclasses.fields(cls)}
        if not isinstance(fields, dict) or fields.keys() != expected.keys():
            raise ValueError(f'an build_id has the fields {", ".join(expected)}')
        for name, type_ in expected.items():
            if type(fields[name]) is not type_:
                raise ValueError(
                    f'{name} of an build_id is {fields[name]!r}, expected '
                    f'{type_.__name__}'
                )
        # Raises ValueError for numbers that no build has.
        Shuffle(fields['num_examples'], fields['num_shards'], fields['shuffle_seed'])
        return cls(**fields)

    def differences(self, other: 'BuildId') -> list[str]:
        """Names each field in which another build_id differs, with both values."""
        found = []
        for field in dataclasses.fields(self):
            ours, theirs = getattr(self, field.name), getattr(other, field.name)
            if ours != theirs:
                values = f'{theirs}, here {ours}'
                if isinstance(ours, str):
                    values = f'sha256 {theirs[:12]}…, here {ours[:12]}…'
                found.append(f'{_MEANINGS[field.name]}: {values}')
        return found


def digest_labels(labels: Sequence[Label]) -> str:
    """sha256 of what records say of each class."""
    lines = [f'{label.synset}\t{label.text}\n' for label in labels]
    return hashlib.sha256(''.join(lines).encode()).hexdigest()


def digest_index(index: SplitIndex) -> tuple[str, str]:
    """sha256 of the names and of the labels of an index, whatever form they had."""
    names = hashlib.sha256()
    # In parts: as Python objects, the names of the training set are 80 MB.
    for start in range(0, len(index.names), _NAMES_AT_ONCE):
        part = index.names[start : start + _NAMES_AT_ONCE].tolist()
        names.update(b''.join(name + b'\0' for name in part))
    labels = hashlib.sha256(index.labels.astype('<i4'))
    return names.hexdigest(), labels.hexdigest()


def make_build_id(
    split: str, index: SplitIndex, labels: Sequence[Label], shuffle: Shuffle
) -> BuildId:
    """The build_id of a build."""
    return BuildId(
        split,
        *digest_index(index),
        digest_labels(labels),
        shuffle.num_examples,
        shuffle.num_shards,
        shuffle.seed,
    )
