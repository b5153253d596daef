"""Conditions over columns, as in ``tr_mem > 0.8 and label == 207``.

    condition  = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation   = "not" negation | "(" condition ")" | comparison
    comparison = value operator value { operator value }
    value      = column | number | "text"
    operator   = == | != | < | <= | > | >=

A chain compares neighbours, as in Python: ``0.4 < tr_mem < 0.6``. Text is in single or
double quotes, without escapes. The text is parsed here and never evaluated as code.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import first_of, printable

_TOKEN = re.compile(
    r'\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)'
    r'|(?P<word>[^\W\d][\w.]*)'
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r'|(?P<operator>==|!=|<=|>=|<|>)'
    r'|(?P<bracket>[()])'
    r'|(?P<other>\S))'
)
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    '==': operator.eq,
    '!=': operator.ne,
    '<': operator.lt,
    '<=': operator.le,
    '>': operator.gt,
    '>=': operator.ge,
}
_KEYWORDS = frozenset({'and', 'or', 'not'})

# Deeper nesting is no one's question, and would exhaust Python's stack.
_MAX_DEPTH = 50


class _Parser:
    """Parses a condition and evaluates it on the way, on whole columns."""

    def __init__(self, condition: str, column: Callable[[str], np.ndarray], length: int):
        self._condition = condition
        self._column = column
        self._length = length
        self._tokens = [
            (match.lastgroup or '', match[match.lastgroup or 0])
            for match in _TOKEN.finditer(condition)
        ]
        self._at = 0
        self._depth = 0

    def run(self) -> np.ndarray:
        mask = self._any()
        if self._at < len(self._tokens):
            self._refuse(f'{self._shown()} is not expected there')
        return mask

    def _refuse(self, what: str) -> NoReturn:
        raise UserError(
            f'--where {printable(self._condition)!r}: {what} (expected comparisons such '
            "as 'tr_mem > 0.8 and label == 207')"
        )

    def _shown(self) -> str:
        return repr(printable(self._tokens[self._at][1]))

    def _peek(self, *texts: str) -> bool:
        if self._at == len(self._tokens):
            return False
        kind, text = self._tokens[self._at]
        return kind != 'text' and text in texts

    def _take(self, *texts: str) -> bool:
        found = self._peek(*texts)
        self._at += found
        return found

    def _any(self) -> np.ndarray:
        mask = self._all()
        while self._take('or'):
            mask = mask | self._all()
        return mask

    def _all(self) -> np.ndarray:
        mask = self._not()
        while self._take('and'):
            mask = mask & self._not()
        return mask

    def _not(self) -> np.ndarray:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._refuse(f'it is nested more than {_MAX_DEPTH} deep')
        if self._take('not'):
            mask = ~self._not()
        elif self._take('('):
            mask = self._any()
            if not self._take(')'):
                self._refuse("a ')' is missing")
        else:
            mask = self._compare()
        self._depth -= 1
        return mask

    def _compare(self) -> np.ndarray:
        mask = np.ones(self._length, bool)
        left = self._value()
        if not self._peek(*_OPERATORS):
            self._refuse('a comparison is missing')
        while self._peek(*_OPERATORS):
            compare = _OPERATORS[self._tokens[self._at][1]]
            self._at += 1
            right = self._value()
            if _is_text(left) != _is_text(right):
                self._refuse('a text is compared with a number')
            mask &= compare(left, right)
            left = right
        return mask

    def _value(self) -> Any:
        if self._at == len(self._tokens):
            self._refuse('it ends too early')
        kind, text = self._tokens[self._at]
        if kind == 'number':
            value: Any = float(text)
        elif kind == 'text':
            value = text[1:-1]
        elif kind == 'word' and text not in _KEYWORDS:
            value = self._column(text)
        else:
            self._refuse(f'{self._shown()} is not expected there')
        self._at += 1
        return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or getattr(value, 'dtype', np.dtype(float)).kind == 'U'


def select_where(
    condition: str, columns: Mapping[str, Callable[[], np.ndarray]], length: int
) -> np.ndarray:
    """Returns which examples a condition is true of.

    >>> columns = {'label': lambda: np.array([0, 1, 2])}
    >>> select_where('label > 0 and not label == 2', columns, 3)
    array([False,  True, False])

    Args:
      condition: the text; see this module.
      columns: what makes each column that may be named: numbers or dtype U, of one
        length. Only the ones that are named are made.
      length: that length.

    Returns:
      A mask, bool, shape [length]. Comparisons with NaN are false, except ``!=``.

    Raises:
      UserError: it is not a condition, or names a column that does not exist.
    """

    def column(name: str) -> np.ndarray:
        if name not in columns:
            raise UserError(
                f'--where names the column {printable(name)!r} (expected one of '
                f'{first_of(list(columns), most=len(columns))}; text is in quotes)'
            )
        return columns[name]()

    return _Parser(condition, column, length).run()
