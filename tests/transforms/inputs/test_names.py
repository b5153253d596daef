import pytest

from indexed_imagenet.transforms.inputs.names import is_system, looks_like_image


@pytest.mark.parametrize(
    ('name', 'is_image'),
    [
        (b'a.JPEG', True),
        (b'a.jpg', True),
        (b'a.Png', True),
        (b'a.txt', False),
        (b'JPEG', False),
        (b'._a.JPEG', False),
    ],
)
def test_looks_like_image_depends_on_ending(name, is_image):
    assert looks_like_image(name) == is_image


def test_is_system_leading_dot_counts():
    assert is_system(b'.DS_Store')
    assert not is_system(b'a.JPEG')
    assert not is_system(b'')
