"""Refuses to mix a build with another one that is in the output directory."""

from collections.abc import Sequence

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.build_id import BuildId
from indexed_imagenet.transforms.formats.build_plan import read_build_plan
from indexed_imagenet.transforms.prepare_output import list_shards

_REMEDY = 'choose another directory, or delete that build of the split with --overwrite'


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


def _check_split(path: str, build_id: BuildId) -> None:
    split = build_id.split
    shards = list_shards(path, split)
    if not shards and storage.size(layout.manifest_path(path, split)) is None:
        return  # a build that had finished nothing is nothing to protect
    if was_built_before_0_2(path, split):
        name = storage.split(layout.offsets_path_before_0_2(path, split))[1]
        raise UserError(
            f'--output_directory {path} holds a {split} set built before version 0.2 '
            f'({name} instead of {split}.offsets.npz); {_REMEDY}'
        )
    found = read_build_plan(path, split)
    differences = build_id.differences(found.build_id) if found else []
    if differences:
        raise UserError(
            f'--output_directory {path} holds another build of {split}; it differs in '
            f'{"; ".join(differences)}; give the same flags as then, {_REMEDY}'
        )
    ours = layout.shard_names(split, build_id.shuffle.num_shards)
    foreign = sorted(set(shards) - set(ours))
    if foreign or not found:
        raise UserError(
            f'--output_directory {path} holds {(foreign or shards)[0]}, but nothing '
            f'that says which build it belongs to; {_REMEDY}'
        )


def check_existing_output(path: str, build_ids: Sequence[BuildId]) -> None:
    """Refuses a directory that holds another build of one of the splits.

    Raises:
      UserError: there is another build, or the directory cannot be read.
    """
    for build_id in build_ids:
        try:
            _check_split(path, build_id)
        except (FileNotFoundError, NotADirectoryError):
            return  # it is going to be made, or found not to be a directory
        except OSError as error:
            raise UserError(
                f'--output_directory {path} cannot be read: {error_text(error)}; make '
                'it readable'
            ) from error
        except ValueError as error:
            raise UserError(f'--output_directory {path}: {error}; {_REMEDY}') from error
