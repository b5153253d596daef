import pytest

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.shard_info import CHECKS, DECODE, QUICK
from indexed_imagenet.transforms.images import tf_codec
from indexed_imagenet.transforms.images.check_image import (
    CMYK,
    PNG,
    InvalidImageError,
    Picture,
    check_image,
)


@pytest.fixture
def no_decoder(monkeypatch):
    def refuse():
        raise AssertionError('TensorFlow was asked for')

    monkeypatch.setattr(tf_codec, 'tensorflow', refuse)


def test_a_plain_jpeg_goes_in_as_it_is_without_a_decoder(no_decoder, jpeg):
    assert check_image(jpeg) == Picture(jpeg, 24, 40, None)


@pytest.mark.parametrize('kind', ['grey', 'progressive'])
def test_grey_and_progressive_jpegs_go_in_as_they_are(pixels, monkeypatch, kind, tf):
    if kind == 'grey':
        data = pictures.encode_grey(pixels)
    else:
        data = pictures.encode_rgb(pixels, progressive=True)
    monkeypatch.setattr(tf_codec, 'tensorflow', None)
    assert check_image(data) == Picture(data, 24, 40, None)


def test_a_png_becomes_an_rgb_jpeg(tf, pixels):
    picture = check_image(pictures.encode_png(pixels))
    assert picture[1:] == (24, 40, PNG)
    assert picture.encoded == tf.io.encode_jpeg(pixels, 'rgb', quality=100).numpy()


def test_a_cmyk_jpeg_becomes_an_rgb_jpeg(tf, pixels):
    data = pictures.encode_cmyk(pixels)
    picture = check_image(data)
    assert picture[1:] == (24, 40, CMYK)
    decoded = tf.io.decode_jpeg(data, channels=0)
    assert picture.encoded == tf.io.encode_jpeg(decoded, 'rgb', quality=100).numpy()


def test_bytes_after_the_end_are_for_the_decoder_to_judge(jpeg):
    data = jpeg + b'\0' * 7
    assert check_image(data) == Picture(data, 24, 40, None)


def test_no_cut_jpeg_is_taken(jpeg):
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
        (lambda data: b'GIF89a' + data, "neither a JPEG nor a PNG.*b'GIF89a"),
        (lambda data: b'\x89PNG\r\n\x1a\n' + data, 'damaged or cut off PNG'),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(jpeg, change, reason):
    with pytest.raises(InvalidImageError, match=f'^{reason}') as raised:
        check_image(change(jpeg))
    assert '\n' not in str(raised.value)


def test_no_cut_png_is_taken(pixels):
    data = pictures.encode_png(pixels)
    for size in range(8, len(data) - 12, 97):
        with pytest.raises(InvalidImageError, match='PNG'):
            check_image(data[:size])


def test_a_check_by_decoding_finds_what_the_header_and_the_end_do_not_show(jpeg):
    tables = jpeg.index(b'\xff\xc4')
    damaged = jpeg[: tables + 5] + b'\xff' * 16 + jpeg[tables + 21 :]
    assert check_image(damaged, QUICK).encoded == damaged
    with pytest.raises(InvalidImageError, match='damaged JPEG'):
        check_image(damaged, DECODE)


def test_both_checks_hand_on_the_same(pixels, jpeg, tf):
    for data in (jpeg, pictures.encode_grey(pixels)):
        assert check_image(data, DECODE) == check_image(data, QUICK)
        assert check_image(data, DECODE).encoded is data


@pytest.mark.parametrize('check', CHECKS)
def test_a_cmyk_jpeg_whose_header_only_libjpeg_reads_is_converted(pixels, tf, check):
    data = pictures.encode_cmyk(pixels)
    data = data[:16] + b'xyz' + data[16:]
    picture = check_image(data, check)
    assert picture[1:] == (24, 40, CMYK)
    assert tf.io.extract_jpeg_shape(picture.encoded).numpy().tolist() == [24, 40, 3]


def test_a_fault_of_the_machine_is_no_fault_of_the_picture(monkeypatch, jpeg, tf):
    def exhaust(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, 'out of memory')

    monkeypatch.setattr(tf.io, 'decode_jpeg', exhaust)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        check_image(jpeg, DECODE)
