"""Files of other formats are named, with what to do about them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.shard_info import CHECKS
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image
from indexed_imagenet.transforms.images.other_formats import (
    JpegFrame,
    find_jpeg_frame,
    name_format,
)
from support import damage

FORMATS = {
    'a GIF image': b'GIF89a\1\0\1\0',
    'a BMP image': b'BM:\0\0\0',
    'a TIFF image': b'II*\0\x08\0\0\0',
    'a WebP image': b'RIFF\x24\0\0\0WEBPVP8 ',
    'a HEIC image': b'\0\0\0\x18ftypheic\0\0\0\0mif1heic',
    'an AVIF image': b'\0\0\0\x1cftypavif\0\0\0\0',
    'a JPEG 2000 image': b'\0\0\0\x0cjP  \r\n\x87\n',
    'a JPEG XL image': b'\xff\x0a',
    'a Photoshop image': b'8BPS\0\1',
}


@pytest.mark.parametrize('check', CHECKS)
@pytest.mark.parametrize('name', FORMATS)
def test_check_image_other_format_raises_its_name_and_remedy(name, check):
    reason = rf'^{name} \(expected JPEG or PNG\); convert it to JPEG$'
    with pytest.raises(InvalidImageError, match=reason):
        check_image(FORMATS[name] + bytes(40), check)


def test_check_image_unknown_format_raises_its_start():
    for data in (b'RIFF\x24\0\0\0WAVE', b'\0\0\0\x18ftypmp42', b'<html>'):
        assert name_format(data) is None
        with pytest.raises(InvalidImageError, match='^neither a JPEG nor a PNG'):
            check_image(data)


@pytest.mark.parametrize('check', CHECKS)
@pytest.mark.parametrize(
    ('code', 'precision', 'name'),
    [
        (0xC3, 8, 'a lossless JPEG'),
        (0xC0, 12, 'a 12-bit JPEG'),
        (0xC1, 12, 'a 12-bit JPEG'),
        (0xC5, 8, 'a hierarchical JPEG'),
        (0xCA, 8, 'an arithmetic-coded JPEG'),
        (0xF7, 8, 'a JPEG-LS image'),
    ],
)
def test_check_image_rare_jpeg_that_decoder_rejects_raises_its_name(
    jpeg, tf, code, precision, name, check
):
    frame = jpeg.index(b'\xff\xc0')
    end = frame + 5
    data = jpeg[: frame + 1] + bytes([code]) + jpeg[frame + 2 : end - 1]
    data += bytes([precision]) + jpeg[end:]
    assert not damage.decoder_accepts(data)
    reason = rf'^{name} \(expected baseline .*; convert it to such a JPEG$'
    with pytest.raises(InvalidImageError, match=reason):
        check_image(data, check)


def test_find_jpeg_frame_bytes_before_a_marker_are_passed_over():
    frame = damage.segment(0xC3, struct.pack('>BHH', 8, 3, 5) + bytes(9))
    expected = JpegFrame(0xC3, 8, 3, 5)
    for before in (b'', b'garbage', b'\xff', b'\xff\0', damage.segment(0xFE, frame)):
        assert find_jpeg_frame(b'\xff\xd8' + before + frame) == expected
    assert find_jpeg_frame(b'\xff\xd8' + damage.segment(0xDA) + frame) is None


@given(st.binary(max_size=200))
def test_find_jpeg_frame_any_bytes_give_frame_or_none(data):
    found = find_jpeg_frame(b'\xff\xd8' + data)
    assert found is None or b'\xff' + bytes([found.code]) in data
    name_format(data)
