"""Refuses to mix a build with another one that is in the output directory."""

from collections.abc import Sequence

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.check_kept import any_shard_fits
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.build_plan import BuildPlan, read_build_plan
from indexed_imagenet.transforms.prepare_output import list_shards

_REMEDY = 'add --overwrite to delete that build of the split, or choose another directory'
_KEEP = 'add --check_kept to keep the shards that match these flags'

# How many shards whose build is unknown are looked at, and how many records of each.
_ENOUGH = 8


def was_built_before_0_2(path: str, split: str) -> bool:
    """Returns whether a finished split has the offsets file of versions before 0.2.

    Raises:
      OSError: the directory cannot be read.
    """
    return (
        storage.size(layout.manifest_path(path, split)) is not None
        and storage.size(layout.offsets_path_before_0_2(path, split)) is not None
        and storage.size(layout.offsets_path(path, split)) is None
    )


def _read_plan(path: str, split: str, check_kept: bool) -> BuildPlan | None:
    """Returns what a split was built from, as far as that is known."""
    try:
        return read_build_plan(path, split)
    except ValueError:
        if check_kept:
            return None
        raise


def _check_unknown(path: str, build_id: BuildId, shards: Sequence[str]) -> None:
    """Refuses shards that nothing but the flags describes, if they are not of them.

    Raises:
      UserError: they are not, or none can be read.
    """
    split = build_id.split
    names = layout.shard_names(split, build_id.shuffle.num_shards)
    present = set(shards)
    paths = [
        (number, storage.join(path, name))
        for number, name in enumerate(names)
        if name in present
    ]
    if not any_shard_fits(paths, build_id, _ENOUGH):
        raise UserError(
            f'--output_directory {path} holds {split} shards whose records are not in '
            'the order of these flags (--shuffle_seed, number of shards, '
            f'--imagenet_index_file); give the flags that they were built with, {_REMEDY}'
        )


def _check_split(path: str, build_id: BuildId, check_kept: bool) -> None:
    split = build_id.split
    shards = list_shards(path, split)
    if not shards and storage.size(layout.manifest_path(path, split)) is None:
        return  # a build that had finished nothing is nothing to protect
    if was_built_before_0_2(path, split) and not check_kept:
        name = storage.split(layout.offsets_path_before_0_2(path, split))[1]
        raise UserError(
            f'--output_directory {path} holds a {split} set built before version 0.2 '
            f'({name} instead of {split}.offsets.npz); {_KEEP}, {_REMEDY}'
        )
    found = _read_plan(path, split, check_kept)
    differences = build_id.differences(found.build_id) if found else []
    if differences:
        raise UserError(
            f'--output_directory {path} holds another build of {split}; it differs in '
            f'{"; ".join(differences)}; give the same flags as then, {_REMEDY}'
        )
    ours = layout.shard_names(split, build_id.shuffle.num_shards)
    foreign = sorted(set(shards) - set(ours))
    if foreign or not (found or check_kept):
        remedy = _REMEDY if foreign else f'{_KEEP}, {_REMEDY}'
        raise UserError(
            f'--output_directory {path} holds {(foreign or shards)[0]}, but no '
            f'manifest or plan of the build it belongs to; {remedy}'
        )
    if not found and shards:
        _check_unknown(path, build_id, shards)


def check_existing_output(
    path: str, build_ids: Sequence[BuildId], check_kept: bool = False
) -> None:
    """Refuses a directory that holds another build of one of the splits.

    Args:
      path: the directory.
      build_ids: one per split.
      check_kept: let shards pass whose manifest is lost, or of an older version, if
        they can be those of this build; the job looks at each.

    Raises:
      UserError: there is another build, or the directory cannot be read.
    """
    for build_id in build_ids:
        try:
            _check_split(path, build_id, check_kept)
        except (FileNotFoundError, NotADirectoryError):
            return  # it is going to be made, or found not to be a directory
        except OSError as error:
            raise UserError(
                f'--output_directory {path} cannot be read: {error_text(error)}; make '
                'it readable'
            ) from error
        except ValueError as error:
            raise UserError(
                f'--output_directory {path}: {error}; {_KEEP}, {_REMEDY}'
            ) from error
