"""What the functions stand for that numpy's pickles of names call.

Nothing of numpy is called: an array is its state, a dtype its code, a scalar its bytes.
Anything else is refused.
"""

import pickle
from typing import Any, NoReturn

# What an admitted function is.
_RECONSTRUCT = 'numpy reconstruct'
SCALAR = 'numpy scalar'
_NDARRAY = 'numpy ndarray'
DTYPE = 'numpy dtype'
_STRING_DTYPE = 'numpy StringDType'
_ENCODE = '_codecs encode'

# The functions that numpy calls for an array of names, by module and name.
ADMITTED = {
    (b'numpy.core.multiarray', b'_reconstruct'): _RECONSTRUCT,
    (b'numpy.core.multiarray', b'scalar'): SCALAR,
    (b'numpy._core.multiarray', b'_reconstruct'): _RECONSTRUCT,
    (b'numpy._core.multiarray', b'scalar'): SCALAR,
    (b'numpy._core._internal', b'_convert_to_stringdtype_kwargs'): _STRING_DTYPE,
    (b'numpy', b'ndarray'): _NDARRAY,
    (b'numpy', b'dtype'): DTYPE,
    (b'_codecs', b'encode'): _ENCODE,
}


class ArrayStandIn:
    """Stands for an array; keeps its state."""

    __slots__ = ('state',)

    def __init__(self) -> None:
        self.state: Any = None


class DtypeStandIn:
    """Stands for a dtype: its code (``S20``, ``U20``, ``O8``) and byte order."""

    __slots__ = ('code', 'order')

    def __init__(self, code: bytes):
        self.code = code
        self.order: Any = None


def refuse(reason: str) -> NoReturn:
    """Raises ``pickle.UnpicklingError``."""
    raise pickle.UnpicklingError(reason)


def _encode_latin1(args: tuple[Any, ...]) -> bytes:
    match args:
        case (bytes(text), b'latin1'):
            return text.decode().encode('latin1')
    refuse(f'it calls _codecs.encode with {str(args[1:])[:80]}')


def _scalar(args: tuple[Any, ...]) -> bytes:
    """Returns a numpy.bytes_ or numpy.str_, of a dtype and a scalar's own bytes."""
    dtype, content = args if len(args) == 2 else (None, None)
    if type(dtype) is not DtypeStandIn or type(content) is not bytes:
        refuse('it holds a numpy scalar that is not a name')
    return scalar_name(dtype.code, dtype.order, content)


def scalar_name(code: bytes, order: Any, content: bytes) -> bytes:
    """Returns the name that a numpy scalar holds, text as UTF-8.

    Args:
      code: of its dtype, such as ``S20``.
      order: of its dtype's bytes, ``<`` or ``>``; it counts for text.
      content: its own bytes.
    """
    if code.startswith(b'S'):
        return content.rstrip(b'\0')
    if code.startswith(b'U') and order in (b'<', b'>'):
        text = content.decode('utf-32-le' if order == b'<' else 'utf-32-be')
        return text.rstrip('\0').encode()
    refuse(f'it holds a numpy scalar of dtype {code[:40].decode()!r}')


def call(function: Any, args: Any) -> Any:
    """Returns what an admitted function makes of its arguments."""
    if type(args) is not tuple:
        refuse('it calls a function without arguments')
    if function is SCALAR:
        return _scalar(args)
    if function is DTYPE:
        if not args or type(args[0]) is not bytes:
            refuse('it holds a dtype without a name')
        return DtypeStandIn(args[0])
    if function is _ENCODE:
        return _encode_latin1(args)
    if function is _RECONSTRUCT:
        return ArrayStandIn()
    if function is _STRING_DTYPE:
        return DtypeStandIn(b'T')
    refuse('it calls what is not a function')


def set_state(made: Any, state: Any) -> None:
    """Gives a stand-in the state that the pickle has for it."""
    if type(state) is not tuple:
        refuse('it holds an object without a state')
    if type(made) is DtypeStandIn:
        made.order = state[1] if len(state) > 1 else None
    elif type(made) is ArrayStandIn:
        made.state = state
    else:
        refuse('it gives a state to what takes none')
