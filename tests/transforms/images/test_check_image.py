import pytest

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.shard_info import (
    CHECKS,
    CMYK,
    DECODE,
    PNG,
    QUICK,
)
from indexed_imagenet.transforms.images import tf_codec
from indexed_imagenet.transforms.images.check_image import (
    CheckedImage,
    InvalidImageError,
    check_image,
)


@pytest.fixture
def no_decoder(monkeypatch):
    def fail():
        raise AssertionError('TensorFlow was imported')

    monkeypatch.setattr(tf_codec, 'tensorflow', fail)


def test_check_image_plain_jpeg_keeps_bytes_without_tensorflow(no_decoder, jpeg):
    assert check_image(jpeg) == CheckedImage(jpeg, 24, 40, None)


@pytest.mark.parametrize('kind', ['grey', 'progressive'])
def test_check_image_grey_or_progressive_jpeg_keeps_bytes(pixels, monkeypatch, kind, tf):
    if kind == 'grey':
        data = pictures.encode_grey(pixels)
    else:
        data = pictures.encode_rgb(pixels, progressive=True)
    monkeypatch.setattr(tf_codec, 'tensorflow', None)
    assert check_image(data) == CheckedImage(data, 24, 40, None)


def test_check_image_png_becomes_rgb_jpeg(tf, pixels):
    image = check_image(pictures.encode_png(pixels))
    assert image[1:] == (24, 40, PNG)
    assert image.encoded == tf.io.encode_jpeg(pixels, 'rgb', quality=100).numpy()


def test_check_image_cmyk_jpeg_becomes_rgb_jpeg(tf, pixels):
    data = pictures.encode_cmyk(pixels)
    image = check_image(data)
    assert image[1:] == (24, 40, CMYK)
    decoded = tf.io.decode_jpeg(data, channels=0)
    assert image.encoded == tf.io.encode_jpeg(decoded, 'rgb', quality=100).numpy()


def test_check_image_bytes_after_end_keeps_bytes_if_decoder_accepts(jpeg):
    data = jpeg + b'\0' * 7
    assert check_image(data) == CheckedImage(data, 24, 40, None)


def test_check_image_jpeg_cut_anywhere_raises(jpeg):
    for size in range(1, len(jpeg)):
        with pytest.raises(InvalidImageError):
            check_image(jpeg[:size])


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (lambda data: b'', 'empty: 0 bytes'),
        (lambda data: data[:-2], 'cut off'),
        (lambda data: data[: len(data) // 2], 'cut off'),
        (lambda data: data[:20], 'damaged JPEG'),
        (lambda data: b'<html>', "neither a JPEG nor a PNG.*b'<html>'"),
        (lambda data: b'GIF89a' + data, 'a GIF image'),
        (lambda data: b'\x89PNG\r\n\x1a\n' + data, 'damaged or cut off PNG'),
    ],
)
def test_check_image_invalid_file_raises_one_line_reason(jpeg, change, reason):
    with pytest.raises(InvalidImageError, match=f'^{reason}') as raised:
        check_image(change(jpeg))
    assert '\n' not in str(raised.value)


def test_check_image_png_cut_anywhere_raises(pixels):
    data = pictures.encode_png(pixels)
    for size in range(8, len(data) - 12, 97):
        with pytest.raises(InvalidImageError, match='PNG'):
            check_image(data[:size])


@pytest.mark.parametrize('check', CHECKS)
def test_check_image_damaged_tables_raise(jpeg, check):
    tables = jpeg.index(b'\xff\xc4')
    damaged = jpeg[: tables + 5] + b'\xff' * 16 + jpeg[tables + 21 :]
    with pytest.raises(InvalidImageError, match='damaged JPEG'):
        check_image(damaged, check)


def test_check_image_quick_and_decode_return_same_image(pixels, jpeg, tf):
    for data in (jpeg, pictures.encode_grey(pixels)):
        assert check_image(data, DECODE) == check_image(data, QUICK)
        assert check_image(data, DECODE).encoded is data


@pytest.mark.parametrize('check', CHECKS)
def test_check_image_cmyk_jpeg_with_garbage_in_header_becomes_rgb_jpeg(pixels, tf, check):
    data = pictures.encode_cmyk(pixels)
    data = data[:16] + b'xyz' + data[16:]
    image = check_image(data, check)
    assert image[1:] == (24, 40, CMYK)
    assert tf.io.extract_jpeg_shape(image.encoded).numpy().tolist() == [24, 40, 3]


def test_check_image_out_of_memory_is_not_invalid_image(monkeypatch, jpeg, tf):
    def exhaust(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, 'out of memory')

    monkeypatch.setattr(tf.io, 'decode_jpeg', exhaust)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        check_image(jpeg, DECODE)
