"""Finds what a command has left running, also if its parents are gone."""

import contextlib
import pathlib

# Set for a command that is looked for; processes inherit it.
MARK = 'INDEXED_IMAGENET_TEST'


def running_with(mark: str) -> list[str]:
    """Returns the command lines of processes whose environment has this ``MARK`` (Linux).

    Other tests run at the same time, so a search by name would find theirs.
    """
    wanted = f'{MARK}={mark}'.encode()
    found = []
    for folder in pathlib.Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):  # it ended, or is another user's
            if wanted in (folder / 'environ').read_bytes().split(b'\0'):
                line = (folder / 'cmdline').read_bytes().replace(b'\0', b' ')
                found.append(line.decode(errors='replace'))
    return found
