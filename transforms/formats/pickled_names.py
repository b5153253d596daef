"""Reads the names in the pickle of an array, without Python's unpickler.

An object array in an npz file is a pickle, and a pickle is a program: it may call
anything, and a few bytes of it can take gigabytes. What numpy writes for an array of
names needs 40 of its instructions and 7 functions. Here those are carried out on
stand-ins, and everything else is refused, so nothing runs and nothing is built but
names.

Memory is bounded by the file's own lengths. The stack holds what Python's pickler puts
there (it appends in batches of 1,000). The memo, of which ``r`` and four bytes can ask
for two billion places, grows by one place at a time, to at most
``MAX_MEMO_PER_NAME`` places per name. An array has at most ``MAX_NAMES`` names.

Instructions: CPython's ``Lib/pickletools.py``. Content: ``__reduce__`` of numpy's
``ndarray``, ``dtype``, ``bytes_``, ``str_`` and ``StringDType``.
"""

import pickle
import re
from typing import Any

from indexed_imagenet.transforms.formats.numpy_stand_ins import (
    ADMITTED,
    DTYPE,
    SCALAR,
    ArrayStandIn,
    call,
    refuse,
    scalar_name,
    set_state,
)

# The training set has 1,281,167.
MAX_NAMES = 1 << 21

# numpy.bytes_ in protocol 2 needs 10.
MAX_MEMO_PER_NAME = 12

_MAX_STACK = 4096
_MAX_LINE = 4096
_MAX_TUPLE = 16
_MAX_NESTED_TUPLES = 16


class _Mark:
    """Where the items of a tuple or a batch begin on the stack."""


_MARK = _Mark()

# Takes the place of a tuple in the memo: numpy refers to none a second time.
_FORGOTTEN = _Mark()

_FORGOTTEN_SIX = (_FORGOTTEN,) * 6
_MEMOIZE_ONLY = {b'\x94'}

# Instructions that push a constant.
_CONSTANTS: dict[int, Any] = {
    ord('N'): None,
    ord(')'): (),
    0x88: True,
    0x89: False,
}

# Instructions that are followed by a length, and that many bytes of text or bytes:
# how many bytes the length takes, and whether it is text.
_STRINGS = {
    0x8C: (1, True),
    ord('X'): (4, True),
    0x8D: (8, True),
    ord('C'): (1, False),
    ord('B'): (4, False),
    0x8E: (8, False),
    ord('U'): (1, False),
    ord('T'): (4, False),
}

_PUT = rb'(\x94|q.|r....)'
_GET = rb'(?:h(.)|j(....))'
_INT = rb'(?:K.|M..|J....)'

# A numpy.bytes_ or numpy.str_ up to the length of its content, as protocols 3 and 4
# have it: 25 instructions. In one step, an array of 1.28 million takes a third of the
# time.
_SCALAR_HEAD = re.compile(
    _GET + _GET + rb'(?:\x8c.|X....)([SU]\d+)' + _PUT  # scalar, dtype, its code
    + rb'\x89\x88\x87' + _PUT + b'R' + _PUT  # the dtype
    + rb'\(K\x03' + _GET + b'NNN' + _INT * 3 + b't' + _PUT + b'b'  # its state
    + rb'(?:C(.)|B(....))',
    re.DOTALL,
)  # fmt: skip
_SCALAR_TAIL = re.compile(_PUT + rb'\x86' + _PUT + b'R' + _PUT, re.DOTALL)

_INTS = {ord('K'): 1, ord('M'): 2, ord('J'): 4}
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}
_LINES = b'cgpIVSL'


def _text(data: bytes) -> bytes:
    if not data.isascii():
        data.decode()  # raises what is not UTF-8
    return data


def _line_value(opcode: int, line: bytes) -> Any:
    """Returns the value that a line of protocol 0 stands for."""
    if opcode == ord('V'):
        return line.decode('raw-unicode-escape').encode()
    if opcode == ord('S'):
        quote = line[:1]
        is_plain = b'\\' not in line and quote in (b'"', b"'") and line[-1:] == quote
        if len(line) < 2 or not is_plain:
            refuse('it holds text of Python 2 with escapes; save it with Python 3')
        return line[1:-1]
    if len(line) > 20:
        refuse(f'it holds a number of {len(line)} digits')
    return int(line.rstrip(b'L'))


class _Machine:
    """Carries out the instructions of one pickle."""

    def __init__(self, data: bytes, offset: int, num_names: int):
        self._data = data
        self._offset = offset
        self._num_names = num_names
        self._max_memo = MAX_MEMO_PER_NAME * num_names + 64
        self._names: list[bytes] | None = None
        self._memo: list[Any] = []
        self._nested = 0

    def run(self) -> Any:
        """Returns what the pickle holds."""
        data, at = self._data, self._offset
        memo, max_memo = self._memo, self._max_memo
        stack: list[Any] = []
        push, memoize = stack.append, memo.append
        while True:
            opcode = data[at]
            at += 1
            if opcode in _STRINGS:
                width, is_text = _STRINGS[opcode]
                begin = at + width
                if width == 1:
                    at = begin + data[at]
                else:
                    at = begin + int.from_bytes(data[at:begin], 'little')
                value = data[begin:at]  # if it is cut off, so is the next instruction
                if is_text and not value.isascii():
                    _text(value)
                push(value)
                if data[at] == 0x94:  # nearly always
                    memoize(value)
                    at += 1
            elif opcode == 0x94:  # MEMOIZE
                memoize(_FORGOTTEN if type(stack[-1]) is tuple else stack[-1])
            elif opcode in b'qr':  # BINPUT, LONG_BINPUT
                width = 1 if opcode == ord('q') else 4
                self._put(int.from_bytes(data[at : at + width], 'little'), stack[-1])
                at += width
            elif opcode in b'hj':  # BINGET, LONG_BINGET
                if end := self._run_scalar(at - 1, stack):
                    at = end
                    continue
                width = 1 if opcode == ord('h') else 4
                push(self._get(int.from_bytes(data[at : at + width], 'little')))
                at += width
            elif opcode in _CONSTANTS:
                push(_CONSTANTS[opcode])
            elif opcode in _INTS:
                width = _INTS[opcode]
                number = data[at : at + width]
                push(int.from_bytes(number, 'little', signed=width == 4))
                at += width
            elif opcode in _TUPLES:
                width = _TUPLES[opcode]
                if width > len(stack):
                    refuse('it takes more from its stack than it has')
                stack[-width:] = [self._tuple(stack[-width:])]
            elif opcode == ord('R'):  # REDUCE
                args = stack.pop()
                stack[-1] = call(stack[-1], args)
            elif opcode == ord('b'):  # BUILD
                state = stack.pop()
                set_state(stack[-1], state)
            elif opcode == ord('('):
                push(_MARK)
            elif opcode == ord('t'):  # TUPLE
                push(self._tuple(self._pop_to_mark(stack)))
            elif opcode == ord('e'):  # APPENDS
                items = self._pop_to_mark(stack)
                self._append(stack[-1], items)
            elif opcode == ord('a'):  # APPEND
                item = stack.pop()
                self._append(stack[-1], [item])
            elif opcode == ord(']'):
                push(self._new_list())
            elif opcode == ord('l'):  # LIST
                items = self._pop_to_mark(stack)
                push(self._new_list())
                self._append(stack[-1], items)
            elif opcode == 0x93:  # STACK_GLOBAL
                name = stack.pop()
                stack[-1] = self._find(stack[-1], name)
            elif opcode == 0x8A:  # LONG1
                end = at + 1 + data[at]
                push(int.from_bytes(data[at + 1 : end], 'little', signed=True))
                at = end
            elif opcode in _LINES:
                at = self._run_line(opcode, at, stack)
            elif opcode == 0x80:  # PROTO
                at += 1
            elif opcode == 0x95:  # FRAME
                at += 8
            elif opcode == ord('.'):
                return stack.pop()
            else:
                refuse(
                    f'its instruction {bytes([opcode])!r} is not one that numpy writes '
                    'for an array of names'
                )
            if len(stack) > _MAX_STACK or len(memo) > max_memo:
                refuse(f'it keeps more than numpy does for {self._num_names} of them')

    def _run_scalar(self, at: int, stack: list[Any]) -> int:
        """Pushes a whole numpy scalar, if there is one; returns its end, or 0."""
        head = _SCALAR_HEAD.match(self._data, at)
        if head is None:
            return 0
        groups = head.groups()
        function, dtype, order = (
            self._get(int.from_bytes(groups[i] or groups[i + 1], 'little'))
            for i in (0, 2, 8)
        )
        num_bytes = int.from_bytes(groups[11] or groups[12], 'little')
        begin = head.end()
        tail = _SCALAR_TAIL.match(self._data, begin + num_bytes)
        if tail is None or function is not SCALAR or dtype is not DTYPE:
            return 0
        name = scalar_name(groups[4], order, self._data[begin : begin + num_bytes])
        # Only the name is referred to again, if it comes twice.
        puts = (groups[5], groups[6], groups[7], groups[10], *tail.groups())
        if set(puts) == _MEMOIZE_ONLY:
            self._memo += (*_FORGOTTEN_SIX, name)
        else:
            for put, value in zip(puts, (*_FORGOTTEN_SIX, name), strict=True):
                self._put(int.from_bytes(put[1:], 'little'), value)
        stack.append(name)
        return tail.end()

    def _run_line(self, opcode: int, at: int, stack: list[Any]) -> int:
        """Carries out an instruction whose argument is a line; returns its end."""
        line, end = self._line(at)
        if opcode == ord('c'):  # GLOBAL
            name, end = self._line(end)
            stack.append(self._find(line, name))
        elif opcode == ord('p'):  # PUT
            self._put(_line_value(opcode, line), stack[-1])
        elif opcode == ord('g'):  # GET
            stack.append(self._get(_line_value(opcode, line)))
        else:
            stack.append(_line_value(opcode, line))
        return end

    def _line(self, at: int) -> tuple[bytes, int]:
        end = self._data.find(b'\n', at, at + _MAX_LINE)
        if end < 0:
            refuse(f'it has a line without an end within {_MAX_LINE} bytes')
        return self._data[at:end], end + 1

    def _put(self, place: int, value: Any) -> None:
        memo = self._memo
        if type(value) is tuple:
            value = _FORGOTTEN
        if place == 1 and not memo:
            memo.append(_FORGOTTEN)  # Python 2 counts from 1
        if place == len(memo):
            memo.append(value)
        elif 0 <= place < len(memo):
            memo[place] = value
        else:
            refuse(f'its memo skips from {len(memo)} to {place} (expected no gaps)')

    def _get(self, place: int) -> Any:
        if not 0 <= place < len(self._memo) or self._memo[place] is _FORGOTTEN:
            refuse(f'it takes from place {place} of its memo, which holds nothing')
        return self._memo[place]

    def _pop_to_mark(self, stack: list[Any]) -> list[Any]:
        for begin in range(len(stack) - 1, -1, -1):
            if stack[begin] is _MARK:
                items = stack[begin + 1 :]
                del stack[begin:]
                return items
        refuse('it has no mark on its stack')

    def _tuple(self, items: list[Any]) -> tuple[Any, ...]:
        self._nested += tuple in map(type, items)
        if len(items) > _MAX_TUPLE or self._nested > _MAX_NESTED_TUPLES:
            refuse('it holds tuples that no array of names has')
        return tuple(items)

    def _new_list(self) -> list[bytes]:
        if self._names is not None:
            refuse('an object in it is neither bytes nor str')
        self._names = []
        return self._names

    def _append(self, to: Any, items: list[Any]) -> None:
        if self._names is None or to is not self._names:
            refuse('it appends to what is not a list')
        if set(map(type, items)) - {bytes}:
            refuse('an object in it is neither bytes nor str')
        self._names += items
        if len(self._names) > self._num_names:
            refuse(f'it holds more names than the {self._num_names} of its header')

    def _find(self, module: Any, name: Any) -> str:
        if type(module) is not bytes or type(name) is not bytes:
            refuse('it asks for a function without a name')
        try:
            return ADMITTED[module, name]
        except KeyError:
            asked = (module[:80] + b'.' + name[:80]).decode('utf-8', 'replace')
            refuse(f'it asks for {asked}, which no array of names needs')


def read_pickled_names(data: bytes, offset: int, num_names: int) -> list[bytes]:
    """Returns the names of the array of objects that a pickle holds.

    Args:
      data: has the pickle in it.
      offset: where the pickle begins.
      num_names: how many names the array has by its header.

    Returns:
      Names as bytes; text is encoded as UTF-8.

    Raises:
      pickle.UnpicklingError, ValueError: it is damaged, or holds anything but that
        many names; the message is one line.
    """
    if num_names > MAX_NAMES:
        refuse(
            f'it has {num_names} objects (expected at most {MAX_NAMES}); save the names '
            "as an array of dtype 'S'"
        )
    try:
        array = _Machine(data, offset, num_names).run()
    except IndexError:
        raise pickle.UnpicklingError('its pickle is cut off or damaged') from None
    # An array's state: version, shape, dtype, order, and the list of objects.
    state = array.state if type(array) is ArrayStandIn else None
    if type(state) is not tuple or len(state) != 5 or type(state[4]) is not list:
        refuse('it holds no array of objects')
    names: list[bytes] = state[4]
    if state[1] != (len(names),) or len(names) != num_names:
        refuse(
            f'its shape is {str(state[1])[:80]} (expected one dimension of '
            f'{len(names)} names, and {num_names} by the header)'
        )
    return names
