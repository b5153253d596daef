"""Reads JSON objects into dataclasses, and checks every field on the way."""

import dataclasses
import typing
from typing import Any, TypeVar

_T = TypeVar('_T')


def decode_fields(cls: type[_T], fields: Any, exact: bool = False) -> _T:
    """Makes a flat dataclass from a JSON object.

    Args:
      cls: a dataclass whose fields are str, int, bool or float.
      fields: the parsed JSON.
      exact: refuse fields that the class does not have.

    Raises:
      ValueError: it is not an object, or a field is missing, of another type, or
        not known.
    """
    types = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(typing.cast(Any, cls))]
    if not isinstance(fields, dict):
        raise ValueError(f'{fields!r} is not an object (expected {", ".join(names)})')
    if missing := [name for name in names if name not in fields]:
        raise ValueError(f'the field {missing[0]!r} is missing')
    if exact and (unknown := sorted(fields.keys() - set(names))):
        raise ValueError(f'the field {unknown[0]!r} is unknown')
    for name in names:
        if type(fields[name]) is not types[name]:
            raise ValueError(
                f'{name} is {fields[name]!r} (expected {types[name].__name__})'
            )
    return cls(**{name: fields[name] for name in names})


def decode_int(value: Any) -> int:
    """Returns a JSON value that must be an integer.

    Raises:
      ValueError: it is not.
    """
    if type(value) is not int:
        raise ValueError(f'{value!r} is not an integer')
    return value
