"""Makes a working directory with modules named like this project's folders."""

import pathlib

_CONTENT = 'raise ImportError(f"{__name__} was imported from the working directory")\n'


def make_hostile_folder(parent: pathlib.Path) -> pathlib.Path:
    """Makes a folder with a ``pipeline/``, ``transforms.py`` and ``transforms/``.

    Training projects have modules of these names. Importing one of these raises
    ImportError, so a command that is started in the folder, or with it in PYTHONPATH,
    fails if it imports anything by these names.

    Args:
      parent: where to make it; it may exist already.

    Returns:
      The folder.
    """
    folder = parent / 'hostile'
    for package in ('pipeline', 'transforms'):
        (folder / package).mkdir(parents=True, exist_ok=True)
        for module in ('__init__', '__main__'):
            (folder / package / f'{module}.py').write_text(_CONTENT)
    (folder / 'transforms.py').write_text(_CONTENT)
    return folder
