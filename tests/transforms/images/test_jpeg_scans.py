import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.images import jpeg_scans
from indexed_imagenet.transforms.images.jpeg_header import read_jpeg_header
from indexed_imagenet.transforms.images.jpeg_scans import (
    Scans,
    follow_scans,
    only_scan_reaches_end,
)
from support.damage import END, segment

SCAN = segment(0xDA, b'\3\1\0\2\0\3\0\0\x3f\0') + b'data\xff\0data'
FRAME = segment(0xC0, b'\x08\0\3\0\5\3' + b'\1\x11\0\2\x11\0\3\x11\0')
# Quantization table 0 and the Huffman tables DC 0 and AC 0, which have no codes.
TABLES = segment(0xDB, bytes(65)) + segment(0xC4, bytes(17) + b'\x10' + bytes(16))
START = b'\xff\xd8' + TABLES + FRAME


@pytest.mark.parametrize(
    ('rest', 'scans'),
    [
        (SCAN + END, Scans(1, True)),
        (SCAN, Scans(1, False)),
        (SCAN + END + b'after' + SCAN, Scans(1, True)),
        (SCAN + b'\xff\xd3more' + SCAN + b'\xff\xff' + END, Scans(2, True)),
        (SCAN + segment(0xFE, b'comment ' + END + b'...') + SCAN + END, Scans(2, True)),
        (SCAN + segment(0xFE, b'comment ' + END + b'...')[:-3], Scans(1, False)),
        (SCAN + b'garbage\xff\x01garbage' + segment(0xC4) + END, Scans(1, True)),
        (SCAN + b'\xff\x02' + END, Scans(1, False)),  # unknown code
        (SCAN + FRAME + END, Scans(1, False)),  # second frame
        (SCAN + b'\xff\xd8' + END, Scans(1, False)),  # second start
        (SCAN + b'\xff', Scans(1, False)),
    ],
)
def test_follow_scans_counts_scans_and_finds_end_as_decoder_does(rest, scans):
    assert follow_scans(START + rest) == scans
    assert follow_scans(START + rest, start=len(START)) == scans


def test_follow_scans_too_many_markers_gives_upper_bound_without_end(monkeypatch):
    monkeypatch.setattr(jpeg_scans, '_MAX_MARKERS', 10)
    assert follow_scans(START + SCAN * 5 + END) == Scans(5, True)
    assert follow_scans(START + SCAN * 50 + END) == Scans(50, False)


def reaches_end(rest):
    data = START + rest
    return only_scan_reaches_end(data, read_jpeg_header(data))


def test_only_scan_reaches_end_scan_without_markers_is_true():
    assert reaches_end(SCAN + END)
    assert reaches_end(SCAN + b'data\xff\0' * 30_000 + END)


def test_only_scan_reaches_end_marker_whose_segment_may_be_cut_is_false():
    for length in (0, 1, 1000, 65_400):
        comment = segment(0xFE, b'.' * length)
        assert not reaches_end(SCAN + b'data\xff\0' * 30_000 + comment + END)
    # The longest segment, cut after an end marker that is part of its content.
    comment = segment(0xFE, b'.' * 65_531 + END)
    assert len(comment) == 2 + 0xFFFF
    assert not reaches_end(SCAN + b'data' * 30_000 + comment)


def test_only_scan_reaches_end_other_scans_restarts_or_cut_scan_header_is_false():
    one_of_three = segment(0xDA, b'\1\1\0\0\x3f\0')
    assert not reaches_end(one_of_three + END)
    assert not reaches_end(SCAN + b'\xff\xd0' + END)
    assert not reaches_end(segment(0xDA, b'\3\1\0\2\0\3\0\0' + END))
    assert read_jpeg_header(START + segment(0xDA, b'\3' + bytes(60))[:20] + END) is None


@given(st.binary(max_size=300))
def test_follow_scans_any_bytes_count_at_most_the_scan_markers(data):
    scans = follow_scans(START + SCAN + data)
    assert 1 <= scans.count <= 1 + data.count(b'\xff\xda')
    whole = START + SCAN + data + END
    if only_scan_reaches_end(whole, read_jpeg_header(whole)):
        assert follow_scans(whole) == Scans(1, True)
