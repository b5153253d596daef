"""Fingerprints on terminals that are too narrow for their line."""

import io

import pytest
from rich.console import Console

from indexed_imagenet.console import print_line

FINGERPRINT = 'a59a1be79461cac4a8cac319002db9f597ae9bb0a7902ac8afd49850627bb99b'
LINE = f'train: complete, fingerprint sha256 {FINGERPRINT}'


def printed(line, width, is_terminal=True) -> str:
    screen = io.StringIO()
    print_line(Console(file=screen, width=width, force_terminal=is_terminal), line)
    return screen.getvalue()


@pytest.mark.parametrize('width', [64, 80, 99])
def test_print_line_fingerprint_that_does_not_fit_is_whole_on_its_own_line(width):
    assert printed(LINE, width) == (
        f'train: complete, fingerprint sha256\n{FINGERPRINT}\n'
    )


def test_print_line_fingerprint_that_fits_or_goes_to_a_file_stays_on_its_line():
    assert printed(LINE, 100) == f'{LINE}\n'
    assert printed(LINE, 60, is_terminal=False) == f'{LINE}\n'


def test_print_line_other_long_lines_stay_as_they_are():
    line = 'x' * 100 + ' 0123456789abcdef'
    assert printed(line, 60) == f'{line}\n'
