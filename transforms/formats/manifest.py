"""The manifest: what a finished split holds, and what it does not.

``SPLIT.json`` comes last. It says either that every example of the index is
there, or exactly which are not. Two builds of the same images are the same data
set if their fingerprints are equal, whatever their shards.
"""

import dataclasses
import json
from typing import Any

from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.shard_info import CHECKS, Converted
from indexed_imagenet.transforms.storage import files
from indexed_imagenet.transforms.write_tfrecord import shard_names

FORMAT = 'indexed-imagenet manifest 1'


@dataclasses.dataclass(frozen=True)
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


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a finished split holds.

    Attributes:
      build_id: of the build.
      examples, classes, bytes: counts of what is there.
      fingerprint: ``digest_records`` of all records, ordered by index.
      check: how the images were checked, one of ``CHECKS``.
      missing: indices that have no image, ascending.
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
        """Whether every example of the index is there."""
        return not self.missing and not self.skipped

    def to_json(self) -> bytes:
        """The content of the file: a line for each field, and for each shard."""
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
            'converted': [entry._asdict() for entry in self.converted],
        }
        lines = [f' {json.dumps(key)}: {json.dumps(fields[key])}' for key in fields]
        shards = [f'  {json.dumps(dataclasses.asdict(entry))}' for entry in self.shards]
        lines.append(' "shards": [\n' + ',\n'.join(shards) + '\n ]')
        return ('{\n' + ',\n'.join(lines) + '\n}\n').encode()

    @classmethod
    def from_json(cls, content: bytes) -> 'Manifest':
        """Reads what ``to_json`` wrote.

        Raises:
          ValueError: this is no manifest, or one of another format.
        """
        fields = json.loads(content)
        if not isinstance(fields, dict) or fields.get('format') != FORMAT:
            raise ValueError(f'its format is not {FORMAT!r}')
        try:
            manifest = cls(
                build_id=BuildId.from_dict(fields['identity']),
                examples=_whole(fields['examples']),
                classes=_whole(fields['classes']),
                bytes=_whole(fields['bytes']),
                fingerprint=str(fields['fingerprint']),
                check=str(fields['check']),
                missing=tuple(map(_whole, fields['missing'])),
                skipped=tuple(map(_whole, fields['skipped'])),
                converted=tuple(_typed(Converted, e) for e in fields['converted']),
                shards=tuple(_typed(ShardEntry, e) for e in fields['shards']),
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f'a field is missing or wrong: {error}') from error
        if manifest.check not in CHECKS:
            raise ValueError(f'its check is {manifest.check!r}, expected one of {CHECKS}')
        build_id = manifest.build_id
        told = manifest.examples + len(manifest.missing) + len(manifest.skipped)
        if build_id.num_examples > told:
            raise ValueError(
                f'it tells of {told} examples, but the index has {build_id.num_examples}'
            )
        # These are going to be names of files; a stranger's manifest may say anything.
        names = [entry.name for entry in manifest.shards]
        if names != shard_names(build_id.split, build_id.num_shards):
            raise ValueError(
                f'its shards are not the {build_id.num_shards} of {build_id.split}'
            )
        return manifest


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f'{value!r} is not a whole number')
    return value


def _typed(cls: type, fields: Any) -> Any:
    """Makes a small record, each field of which must be of its type."""
    for name, type_ in cls.__annotations__.items():
        if type(fields[name]) is not type_:
            raise TypeError(f'{name} is {fields[name]!r}, expected {type_.__name__}')
    return cls(**fields)


def manifest_path(output_directory: str, split: str) -> str:
    """The manifest of a split."""
    return files.join(output_directory, f'{split}.json')


def read_manifest(output_directory: str, split: str) -> Manifest | None:
    """Reads the manifest of a split, None if there is none.

    Raises:
      OSError: it cannot be read.
      ValueError: it is something else.
    """
    path = manifest_path(output_directory, split)
    if files.size(path) is None:
        return None
    try:
        manifest = Manifest.from_json(files.read_bytes(path))
        if manifest.build_id.split != split:
            raise ValueError(f'it is that of {manifest.build_id.split!r}')
    except ValueError as error:
        raise ValueError(f'{path} is no manifest: {error}') from error
    return manifest
