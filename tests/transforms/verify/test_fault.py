import pytest

from indexed_imagenet.transforms.verify.fault import Fault


@pytest.mark.parametrize(
    ('fault', 'text'),
    [
        (Fault('/out/train.json', 'x is 1 (expected 2)'), '/out/train.json: x is 1'),
        (Fault('a', 'b', offset=0), 'a at byte 0: b'),
        (Fault('a', 'b', offset=1_234_567), 'a at byte 1,234,567: b'),
        (Fault('a', 'b', index=0), 'a, index 0: b'),
        (Fault('a', 'b', 26, 1281166), 'a at byte 26, index 1281166: b'),
    ],
)
def test_str_known_places_are_named(fault, text):
    assert str(fault).startswith(text)
    assert str(fault).endswith(fault.what)
