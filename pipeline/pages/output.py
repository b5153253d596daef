"""The file that a page or a sheet is written into: checked first, written at the end."""

import os

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.storage.atomic import atomic_write


def check_output(path: str, endings: tuple[str, ...], expected: str) -> None:
    """Checks the value of ``--output`` before any work.

    Args:
      path: the value.
      endings: what it may end in, in lower case.
      expected: the same for people.

    Raises:
      UserError: it has another ending, or its folder does not exist.
    """
    if os.path.splitext(path)[1].lower() not in endings:
        raise UserError(f'--output {path} must end in {expected}')
    folder = os.path.dirname(path) or '.'
    if not os.path.isdir(folder):
        raise UserError(f'--output {path}: {folder} is not a directory; make it')


def write_output(path: str, content: bytes) -> None:
    """Writes the file, over any of that name, so that it is never half there.

    Raises:
      UserError: it cannot be written.
    """
    try:
        atomic_write(path, content, os.path.dirname(path))
    except OSError as error:
        raise UserError(
            f'--output {path} cannot be written: {error_text(error)}'
        ) from error
