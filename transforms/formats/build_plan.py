"""What a split in an output directory is being built from: noted before the first shard.

The file is ``.build/SPLIT/identity.json``: the build ID, the number of images, and how
many of them were found to be bad when a run ended without a manifest.
"""

import dataclasses
import json

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.json_fields import decode_int
from indexed_imagenet.transforms.formats.layout import build_plan_path, staging_dir
from indexed_imagenet.transforms.formats.manifest import read_manifest
from indexed_imagenet.transforms.storage.atomic import atomic_write


@dataclasses.dataclass(frozen=True, slots=True)
class BuildPlan:
    """What a split was, or is going to be, built from.

    Attributes:
      build_id: of the build.
      images: how many images it has.
      rejected: how many of them an earlier run found to be bad; they may be missing now.
    """

    build_id: BuildId
    images: int
    rejected: int = 0


def read_build_plan(output_directory: str, split: str) -> BuildPlan | None:
    """Returns what a split was built from, None if nothing there says so.

    Raises:
      OSError: it cannot be read.
      ValueError: the file that says so is damaged.
    """
    manifest = read_manifest(output_directory, split)
    if manifest is not None:
        skipped = len(manifest.skipped)
        return BuildPlan(manifest.build_id, manifest.examples + skipped, skipped)
    path = build_plan_path(output_directory, split)
    if storage.size(path) is None:
        return None
    try:
        fields = json.loads(storage.read_bytes(path))
        return BuildPlan(
            BuildId.from_dict(fields['identity']),
            decode_int(fields['images']),
            decode_int(fields.get('rejected', 0)),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f'{path} is not the plan of a build: {error}') from error


def write_build_plan(plan: BuildPlan, output_directory: str) -> None:
    """Writes the plan of a split, and waits until it is on the disk.

    Raises:
      OSError: it cannot be written.
    """
    path = build_plan_path(output_directory, plan.build_id.split)
    fields = {
        'identity': plan.build_id.to_dict(),
        'images': plan.images,
        'rejected': plan.rejected,
    }
    content = json.dumps(fields).encode()
    atomic_write(path, content, staging_dir(output_directory), durable=True)
    storage.fsync_dir(storage.parent(path))
