"""No content of an image raises out of the image step; faults of the machine do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.shard_info import CHECKS
from indexed_imagenet.transforms.images import check_image as module
from indexed_imagenet.transforms.images import tf_codec
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image


def raiser(error):
    def fail(*args, **kwargs):
        raise error

    return fail


@pytest.mark.parametrize('name', ['InternalError', 'UnknownError', 'UnimplementedError'])
@pytest.mark.parametrize('operation', ['decode_png', 'encode_jpeg'])
def test_check_image_codec_raises_any_error_is_invalid_image(
    pixels, tf, monkeypatch, name, operation
):
    png = pictures.encode_png(pixels)
    error = getattr(tf.errors, name)(None, None, 'JPEG encoding\nfailed [Op:EncodeJpeg]')
    monkeypatch.setattr(tf.io, operation, raiser(error))
    with pytest.raises(InvalidImageError, match=': JPEG encoding failed$'):
        check_image(png)


@pytest.mark.parametrize('error', [IndexError('x'), OverflowError('x'), TypeError('x')])
def test_check_image_parser_raises_is_invalid_image(jpeg, monkeypatch, error):
    monkeypatch.setattr(module, 'read_jpeg_header', raiser(error))
    reason = f'^cannot be checked: {type(error).__name__}: x$'
    with pytest.raises(InvalidImageError, match=reason):
        check_image(jpeg)


@pytest.mark.parametrize('error', [MemoryError(), ImportError('x'), OSError(5, 'x')])
def test_check_image_fault_of_machine_raises_as_it_is(jpeg, monkeypatch, error):
    monkeypatch.setattr(module, 'read_jpeg_header', raiser(error))
    with pytest.raises(type(error)):
        check_image(jpeg)


def test_check_image_encoder_out_of_memory_raises_as_it_is(pixels, tf, monkeypatch):
    png = pictures.encode_png(pixels)
    error = tf.errors.ResourceExhaustedError(None, None, 'out of memory')
    monkeypatch.setattr(tf.io, 'encode_jpeg', raiser(error))
    with pytest.raises(tf.errors.ResourceExhaustedError):
        check_image(png)


def test_encode_rgb_jpeg_too_wide_prints_nothing(tf, capfd):
    with pytest.raises(tf_codec.DecodeError, match='JPEG'):
        tf_codec.encode_rgb_jpeg(tf.zeros((1, 65_501, 3), tf.uint8))
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('check', CHECKS)
@given(
    st.sampled_from([b'', b'\xff\xd8', b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n', b'RIFF']),
    st.binary(max_size=200),
)
def test_check_image_any_bytes_raise_only_invalid_image(tf, check, start, data):
    with pytest.raises(InvalidImageError) as raised:
        check_image(start + data, check)
    assert str(raised.value).isprintable()


@given(st.data())
def test_check_image_any_change_raises_only_invalid_image(jpeg, data):
    changed = bytearray(jpeg)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(jpeg) - 1))
        changed[place : place + data.draw(st.integers(0, 9))] = data.draw(
            st.binary(max_size=9)
        )
    for check in CHECKS:
        try:
            image = check_image(bytes(changed), check)
        except InvalidImageError:
            continue
        assert image.height * image.width > 0
