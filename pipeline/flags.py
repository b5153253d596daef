"""The parser of every command's flags: strict, with one-line errors.

Needs neither Beam nor TensorFlow, so commands that do without them start at once.
"""

import argparse
import difflib
import math
from collections.abc import Mapping, Sequence
from typing import NoReturn

from indexed_imagenet.errors import UserError


def int_flag(text: str) -> int:
    """Returns the value of an integer flag.

    Raises:
      argparse.ArgumentTypeError: ``text`` is not a whole number.
    """
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number') from None


def fraction_flag(text: str) -> float:
    """Returns the value of a flag that is a share.

    Raises:
      argparse.ArgumentTypeError: ``text`` is not a number from 0 to 1.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number from 0 to 1')
    return value


class OneLineParser(argparse.ArgumentParser):
    """A parser that reports an error on one line, without the usage of all flags.

    Attributes:
      hints: what to say of flags that do not exist but are tried, such as
        ``--workers``, instead of the closest one that exists.
    """

    hints: Mapping[str, str] = {}

    def error(self, message: str) -> NoReturn:
        """Raises the message as a ``UserError``."""
        raise UserError(f'{message.removeprefix("argument ")}; see --help')

    def parse_all(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parses flags and refuses unknown ones.

        Raises:
          UserError: a flag is unknown, or its value is invalid. For an unknown flag
            the message suggests the closest known one.
        """
        flags, unknown = self.parse_known_args(argv)
        if unknown:
            raise UserError(self._explain_unknown(unknown[0]))
        return flags

    def _explain_unknown(self, argument: str) -> str:
        flag = argument.partition('=')[0]
        if not flag.startswith('-'):
            return f'unexpected argument {argument!r}; write flags as --name=value'
        if flag in self.hints:
            return f'unknown flag {flag}; {self.hints[flag]}'
        known = list(self._option_string_actions)
        closest = difflib.get_close_matches(flag, known, n=1, cutoff=0.7)
        hint = f'did you mean {closest[0]}?' if closest else 'see --help'
        return f'unknown flag {flag}; {hint}'
