"""The manifest: what a finished split holds, and what it does not.

``SPLIT.json`` comes last. It says either that every example of the index is present,
or exactly which are not. Two builds of the same images are the same data set if their
fingerprints are equal, whatever their shards.
"""

import builtins
import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.json_fields import decode_fields, decode_int
from indexed_imagenet.transforms.formats.layout import manifest_path, shard_names
from indexed_imagenet.transforms.formats.shard_info import CHECKS, Converted

FORMAT = 'indexed-imagenet manifest 1'


@dataclasses.dataclass(frozen=True, slots=True)
class ShardEntry:
    """One shard's file.

    Attributes:
      name: of the file.
      records: how many.
      bytes: size of the file.
      digest: ``digest_records`` of the records, in the order of the file.
      rows: ``digest_rows`` of the examples: index, label and name.
    """

    name: str
    records: int
    bytes: int
    digest: str
    rows: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Head:
    """The flat fields of a manifest."""

    format: str
    examples: int
    classes: int
    bytes: int
    fingerprint: str
    check: str


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What a finished split holds.

    Attributes:
      build_id: of the build.
      examples, classes, bytes: counts of what is present.
      fingerprint: ``digest_records`` of all records, ordered by index.
      check: how the images were checked, one of ``CHECKS``.
      missing: indices without an image, ascending.
      skipped: indices whose image cannot be used, ascending.
      converted: the images that were converted.
      shards: each file, in order.
    """

    build_id: BuildId
    examples: int
    classes: int
    bytes: int
    fingerprint: str
    check: str
    missing: tuple[int, ...]
    skipped: tuple[int, ...]
    converted: tuple[Converted, ...]
    shards: tuple[ShardEntry, ...]

    @property
    def complete(self) -> bool:
        """Whether every example of the index is present."""
        return not self.missing and not self.skipped

    def to_json(self) -> builtins.bytes:
        """Returns the content of the file: one line per field, and one per shard."""
        fields = {
            'format': FORMAT,
            'complete': self.complete,
            'examples': self.examples,
            'classes': self.classes,
            'bytes': self.bytes,
            'fingerprint': self.fingerprint,
            'check': self.check,
            'identity': self.build_id.to_dict(),
            'missing': self.missing,
            'skipped': self.skipped,
            'converted': [dataclasses.asdict(entry) for entry in self.converted],
        }
        lines = [f' {json.dumps(key)}: {json.dumps(fields[key])}' for key in fields]
        shards = [f'  {json.dumps(dataclasses.asdict(entry))}' for entry in self.shards]
        lines.append(' "shards": [\n' + ',\n'.join(shards) + '\n ]')
        return ('{\n' + ',\n'.join(lines) + '\n}\n').encode()

    @classmethod
    def from_json(cls, content: builtins.bytes) -> 'Manifest':
        """Reads what ``to_json`` wrote.

        Raises:
          ValueError: it is not a manifest, or one of another format.
        """
        fields = json.loads(content)
        if not isinstance(fields, dict) or fields.get('format') != FORMAT:
            raise ValueError(f'its format is not {FORMAT!r}')
        head = decode_fields(_Head, fields)
        manifest = cls(
            build_id=BuildId.from_dict(fields.get('identity')),
            examples=head.examples,
            classes=head.classes,
            bytes=head.bytes,
            fingerprint=head.fingerprint,
            check=head.check,
            missing=tuple(map(decode_int, _items(fields, 'missing'))),
            skipped=tuple(map(decode_int, _items(fields, 'skipped'))),
            converted=tuple(
                decode_fields(Converted, entry) for entry in _items(fields, 'converted')
            ),
            shards=tuple(
                decode_fields(ShardEntry, entry) for entry in _items(fields, 'shards')
            ),
        )
        _check(manifest)
        return manifest


def _items(fields: dict[str, Any], key: str) -> Sequence[Any]:
    value = fields.get(key)
    if not isinstance(value, list):
        raise ValueError(f'{key} is {value!r} (expected a list)')
    return value


def _check(manifest: Manifest) -> None:
    if manifest.check not in CHECKS:
        raise ValueError(
            f'its check is {manifest.check!r} (expected one of {", ".join(CHECKS)})'
        )
    split, shuffle = manifest.build_id.split, manifest.build_id.shuffle
    accounted = manifest.examples + len(manifest.missing) + len(manifest.skipped)
    if shuffle.num_examples > accounted:
        raise ValueError(
            f'it accounts for {accounted} examples, but the index has '
            f'{shuffle.num_examples}'
        )
    # These are going to be names of files; a stranger's manifest may say anything.
    if [entry.name for entry in manifest.shards] != shard_names(
        split, shuffle.num_shards
    ):
        raise ValueError(f'its shards are not the {shuffle.num_shards} of {split}')


def read_manifest(output_directory: str, split: str) -> Manifest | None:
    """Reads the manifest of a split, None if it does not exist.

    Raises:
      OSError: it cannot be read.
      ValueError: it is something else.
    """
    path = manifest_path(output_directory, split)
    if storage.size(path) is None:
        return None
    try:
        manifest = Manifest.from_json(storage.read_bytes(path))
        if manifest.build_id.split != split:
            raise ValueError(f'it is that of {manifest.build_id.split!r}')
    except ValueError as error:
        raise ValueError(f'{path} is not a manifest: {error}') from error
    return manifest
