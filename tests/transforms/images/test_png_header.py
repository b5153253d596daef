import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.images import tf_codec
from indexed_imagenet.transforms.images.png_header import (
    PngSize,
    read_png_size,
    starts_as_png,
)

START = b'\x89PNG\r\n\x1a\n'


def chunk(kind, content):
    checked = kind + content
    return (
        struct.pack('>I', len(content)) + checked + struct.pack('>I', zlib.crc32(checked))
    )


@pytest.fixture(scope='module')
def png(tf, pixels):
    return pictures.encode_png(pixels)


def test_read_png_size_whole_png_is_height_and_width(png):
    assert starts_as_png(png)
    assert read_png_size(png) == PngSize(24, 40)


def test_read_png_size_unknown_chunk_first_finds_header(png):
    data = START + chunk(b'abCd', b'IHDR and more') + png[8:]
    assert tf_codec.decode_png(data)[1:] == (24, 40)
    assert read_png_size(data) == PngSize(24, 40)


def test_read_png_size_without_whole_header_is_none(png):
    for size in range(8, 24):
        assert read_png_size(png[:size]) is None
    assert read_png_size(START + chunk(b'IDAT', b'')) is None


@given(st.binary(max_size=100))
def test_read_png_size_any_bytes_give_size_or_none(data):
    for begin in (b'', b'\0\0\0\x0dIHDR'):
        size = read_png_size(START + begin + data)
        assert size is None or min(size) >= 0
