import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.images import jpeg_header
from indexed_imagenet.transforms.images.jpeg_header import JpegHeader, read_jpeg_header


def segment(code, content=b''):
    return bytes([0xFF, code]) + (len(content) + 2).to_bytes(2, 'big') + content


def frame(code=0xC0, precision=8, height=3, width=5, components=3):
    size = height.to_bytes(2, 'big') + width.to_bytes(2, 'big')
    listed = b''.join(bytes([number, 0x11, 0]) for number in range(components))
    return segment(code, bytes([precision]) + size + bytes([components]) + listed)


def scan_of(components, progressive=False):
    listed = b''.join(bytes([number, 0]) for number in range(components))
    last = 0 if progressive else 63
    return segment(0xDA, bytes([components]) + listed + bytes([0, last, 0]))


# Quantization table 0 and the Huffman tables DC 0 and AC 0, which have no codes.
TABLES = segment(0xDB, bytes(65)) + segment(0xC4, bytes(17) + b'\x10' + bytes(16))
SCAN = TABLES + scan_of(3)


def test_read_jpeg_header_golden_jpegs_agree_with_tensorflow(golden, tf):
    checked = 0
    for path in golden.glob('*/*/*.JPEG'):
        data = path.read_bytes()
        if tf.io.is_jpeg(data):
            height, width, _ = tf.io.extract_jpeg_shape(data).numpy()
            assert read_jpeg_header(data)[:2] == (height, width), path
            checked += 1
    assert checked == 74


def test_read_jpeg_header_other_segments_first_finds_frame():
    before = segment(0xE0, b'JFIF') + segment(0xFE, b'\xff\xc0 not a frame') + b'\xff\x01'
    for code in (0xC0, 0xC1, 0xC2):
        data = b'\xff\xd8' + before + b'\xff\xff' + frame(code, height=300, width=7000)
        scan = TABLES + scan_of(3, progressive=code == 0xC2)
        begin = len(data) + len(TABLES)
        expected = JpegHeader(300, 7000, 3, begin, one_scan=code != 0xC2)
        assert read_jpeg_header(data + scan) == expected
        assert read_jpeg_header(data) is None  # without a scan
        assert read_jpeg_header(data + frame(0xC0) + scan) is None  # two frames


def test_read_jpeg_header_rare_frame_or_nonsense_is_none():
    scan = SCAN
    for data in (
        frame(0xC3),  # lossless
        frame(0xC9),  # arithmetic
        frame(precision=12),
        frame(height=0),  # the height follows the scan
        frame(width=0),
        frame(components=2),
        segment(0xDA) + frame(),  # a scan before the frame
        b'\xff\xd9' + frame(),
        b'\0' + frame(),
        frame()[:9],
        b'',
    ):
        assert read_jpeg_header(b'\xff\xd8' + data + scan) is None
    assert read_jpeg_header(frame() + scan) is None
    assert read_jpeg_header(b'') is None


@given(st.binary(max_size=200))
def test_read_jpeg_header_any_bytes_give_header_or_none(data):
    for start in (b'', b'\xff\xd8', b'\xff\xd8\xff\xc0'):
        header = read_jpeg_header(start + data)
        assert header is None or min(header[:4]) >= 1


def test_read_jpeg_header_scan_of_one_of_three_components_is_not_one_scan():
    scan = TABLES + scan_of(1)
    assert not read_jpeg_header(b'\xff\xd8' + frame() + scan).one_scan
    assert read_jpeg_header(b'\xff\xd8' + frame(components=1) + scan).one_scan


@pytest.mark.parametrize('endless', [b'\xff', b'\xff\x01', segment(0xFE)])
def test_read_jpeg_header_too_many_segments_is_none(monkeypatch, endless):
    scan = SCAN
    monkeypatch.setattr(jpeg_header, '_MAX_STEPS', 50)
    for count, is_read in ((40, True), (60, False)):
        data = b'\xff\xd8' + endless * count + frame() + scan
        assert (read_jpeg_header(data) is not None) == is_read
