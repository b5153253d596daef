"""Compares what the header must hold before the first scan with libjpeg."""

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.shard_info import CHECKS, QUICK
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image
from indexed_imagenet.transforms.images.jpeg_header import read_jpeg_header
from indexed_imagenet.transforms.images.jpeg_tables import (
    can_decode_scan,
    read_huffman_tables,
    read_quantization_tables,
)
from support import damage
from support.damage import segment

CASES = pathlib.Path(__file__).parents[2] / 'cases'
DAMAGED_HEADERS = (
    'huffman_counts_ff',
    'marker_f0',
    'no_quantization_table',
    'restart_interval_of_5',
    'sampling_0',
    'scan_of_unknown_component',
)

# A table with one code of two bits, and all tables of a baseline image.
TABLE = bytes([0, 1, *bytes(14), 5])
SCAN = bytes([3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0])
COMPONENTS = bytes([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])
ALL_TABLES = {'quantization': 0b11, 'huffman': 0b110011}


@pytest.mark.parametrize('check', CHECKS)
@pytest.mark.parametrize('name', DAMAGED_HEADERS)
def test_check_image_header_that_no_decoder_accepts_raises(tf, name, check):
    data = (CASES / f'jpeg_{name}.JPEG').read_bytes()
    assert read_jpeg_header(data) is None
    with pytest.raises(InvalidImageError, match='^damaged JPEG'):
        check_image(data, check)


@pytest.mark.parametrize('check', CHECKS)
def test_check_image_side_over_libjpegs_limit_raises_by_name(check):
    reason = r'^too wide: 65,501 pixels \(expected at most 65,500\)$'
    with pytest.raises(InvalidImageError, match=reason):
        check_image((CASES / 'jpeg_width_65501.JPEG').read_bytes(), check)
    high = damage.with_size((CASES / 'good.jpg').read_bytes(), 65_535, 8)
    for data in (high, high[:20] + b'garbage' + high[20:]):
        with pytest.raises(InvalidImageError, match='^too high: 65,535 pixels'):
            check_image(data, check)


@pytest.mark.parametrize(
    ('content', 'tables'),
    [
        (b'', 0),
        (b'\0' + TABLE, 1),
        (b'\x13' + TABLE + b'\x02' + TABLE, 1 << 7 | 1 << 2),
        (b'\x20' + TABLE, None),  # class 2
        (b'\x04' + TABLE, None),  # table 4
        (b'\0' + TABLE[:-1], None),  # a symbol is missing
        (b'\0' + TABLE + b'\1', None),  # something is left
        (b'\0\2' + bytes(17), None),  # both codes of one bit
        (b'\0' + bytes([0] * 7 + [255] * 2 + [0] * 7) + bytes(510), None),  # 510 symbols
        (b'\0' + TABLE[:-1] + b'\x10', None),  # a DC symbol of 16
        (b'\x10' + TABLE[:-1] + b'\xf0', 1 << 4),
        ((b'\0' + TABLE) * 200, None),
    ],
)
def test_read_huffman_tables_gives_tables_or_none(content, tables):
    assert read_huffman_tables(content) == tables


@pytest.mark.parametrize(
    ('content', 'tables'),
    [
        (b'', 0),
        (b'\0' + bytes(64), 1),
        (b'\x13' + bytes(128) + b'\1' + bytes(64), 0b1010),
        (b'\x04' + bytes(64), None),
        (b'\x20' + bytes(64), None),
        (bytes(64), None),
        (bytes(66), None),
        (bytes(65) * 20, None),
    ],
)
def test_read_quantization_tables_gives_tables_or_none(content, tables):
    assert read_quantization_tables(content) == tables


def test_can_decode_scan_ordinary_scans_are_true():
    assert can_decode_scan(0xC0, COMPONENTS, SCAN, **ALL_TABLES)
    one = bytes([1, 2, 0x11, 0, 63, 0])
    assert can_decode_scan(0xC0, COMPONENTS, one, 0b10, 0b100010)
    progressive = SCAN[:-3] + bytes([0, 0, 1])
    assert can_decode_scan(0xC2, COMPONENTS, progressive, 0b11, 0b11)
    assert can_decode_scan(0xC0, bytes([1, 0x44, 0]), b'\1\1\0\0\x3f\0', 1, 0b10001)


@pytest.mark.parametrize(
    'change',
    [
        {'components': COMPONENTS.replace(b'\x22', b'\x02')},  # a factor of 0
        {'components': COMPONENTS.replace(b'\x22', b'\x52')},  # a factor of 5
        {'components': COMPONENTS.replace(b'\x22', b'\x44')},  # 18 blocks
        {'components': COMPONENTS.replace(b'\x22\0\2\x11', b'\x31\0\2\x21')},  # 3 / 2
        {'components': COMPONENTS.replace(b'\2', b'\1')},  # the same ID twice
        {'components': COMPONENTS[:-1] + b'\2'},  # a table that is not defined
        {'components': COMPONENTS[:-1] + b'\x11'},
        {'scan': SCAN.replace(b'\2', b'\4')},  # an unknown component
        {'scan': SCAN.replace(b'\2', b'\1')},  # a component twice
        {'scan': SCAN[:-1]},
        {'scan': SCAN + b'\0'},
        {'scan': b'\0' + SCAN[1:]},
        {'scan': b'\4' + SCAN[1:]},
        {'scan': b''},
        {'scan': SCAN.replace(b'\x11', b'\x12')},
        {'scan': SCAN.replace(b'\x11', b'\x41')},
        {'quantization': 0b01},
        {'huffman': 0b100011},
        {'huffman': 0b110001},
        {'code': 0xC2},  # not the first scan of a progressive image
    ],
)
def test_can_decode_scan_what_libjpeg_rejects_is_false(change):
    scan = {'code': 0xC0, 'components': COMPONENTS, 'scan': SCAN, **ALL_TABLES}
    assert not can_decode_scan(**scan | change)


@given(st.binary(max_size=600))
def test_read_tables_any_bytes_give_bits_or_none(content):
    assert read_huffman_tables(content) in (None, *range(256))
    assert read_quantization_tables(content) in (None, *range(16))


@given(
    st.sampled_from([0xC0, 0xC1, 0xC2]),
    st.sampled_from([3, 9, 12]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
    st.binary(max_size=20),
    st.integers(0, 15),
    st.integers(0, 255),
)
def test_can_decode_scan_any_bytes_give_true_or_false(
    code, components, scan, quantization, huffman
):
    made = can_decode_scan(code, components, scan, quantization, huffman)
    assert made in (False, True)


@pytest.fixture(scope='module')
def wholes(tf):
    pixels = pictures.make_pixels(5)[:24, :40]
    return [
        pictures.encode_rgb(pixels),
        pictures.encode_rgb(pixels, progressive=True),
        pictures.encode_grey(pixels),
    ]


@settings(max_examples=400)
@given(st.data())
def test_check_image_changed_header_agrees_with_decoder(wholes, data):
    whole = bytearray(data.draw(st.sampled_from(wholes)))
    end = damage.first_scan(whole) + 10
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(2, end))] = data.draw(st.integers(0, 255))
    changed = bytes(whole)
    try:
        check_image(changed, QUICK)
    except InvalidImageError as error:
        assert str(error).startswith('too ') or not damage.decoder_accepts(changed)
        return
    # Nothing of a baseline image's header is left to the decoder.
    if read_jpeg_header(changed) and read_jpeg_header(changed).one_scan:
        assert damage.decoder_accepts(changed)


def test_read_jpeg_header_restart_interval_of_other_length_is_none(jpeg):
    scan = damage.first_scan(jpeg)
    for content, is_read in ((b'\0\0', True), (b'\0', False), (b'\0\0\0', False)):
        data = jpeg[:scan] + segment(0xDD, content) + jpeg[scan:]
        assert (read_jpeg_header(data) is not None) == is_read


@pytest.mark.parametrize('code', [0x02, 0xBF, 0xC8, 0xCC, 0xDE, 0xDF, 0xF0, 0xFD])
def test_read_jpeg_header_code_at_which_libjpeg_stops_is_none(jpeg, code):
    assert read_jpeg_header(jpeg[:2] + segment(code, b'..') + jpeg[2:]) is None
