import dataclasses

import pytest

from indexed_imagenet.transforms.formats.json_fields import decode_fields, decode_int


@dataclasses.dataclass
class Point:
    x: int
    name: str


def test_decode_fields_ignores_unknown_fields_unless_exact():
    fields = {'x': 1, 'name': 'a', 'more': None}
    assert decode_fields(Point, fields) == Point(1, 'a')
    with pytest.raises(ValueError, match="the field 'more' is unknown"):
        decode_fields(Point, fields, exact=True)


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ([], r'\[\] is not an object \(expected x, name\)'),
        (None, 'None is not an object'),
        ({'x': 1}, "the field 'name' is missing"),
        ({'x': True, 'name': 'a'}, r'x is True \(expected int\)'),
        ({'x': 1, 'name': None}, r'name is None \(expected str\)'),
    ],
)
def test_decode_fields_wrong_fields_raise(fields, message):
    with pytest.raises(ValueError, match=message):
        decode_fields(Point, fields)


@pytest.mark.parametrize('value', [True, 1.0, '1', None])
def test_decode_int_refuses_other_types(value):
    with pytest.raises(ValueError, match='is not an integer'):
        decode_int(value)
