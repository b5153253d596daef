"""What the lengths of a PNG's chunks decide before anything is allocated."""

import pathlib
import struct
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.shard_info import CHECKS, PNG
from indexed_imagenet.transforms.images import tf_codec
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image
from indexed_imagenet.transforms.images.png_header import PngChunks, read_png_chunks
from support import damage

CASES = pathlib.Path(__file__).parents[2] / 'cases'
START = b'\x89PNG\r\n\x1a\n'
CLAIM = struct.pack('>I', 0x7FFFFFFF)

# Prints the largest size of the process in bytes after checking one file.
MEASURE = """
import pathlib, resource, sys
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image
from indexed_imagenet.transforms.images.tf_codec import tensorflow
tensorflow()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    check_image(pathlib.Path(sys.argv[1]).read_bytes())
except InvalidImageError as error:
    assert 'cut off PNG' in str(error), error
else:
    raise AssertionError('accepted')
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def chunk(kind, content=b''):
    crc = struct.pack('>I', zlib.crc32(kind + content))
    return struct.pack('>I', len(content)) + kind + content + crc


@pytest.fixture(scope='module')
def png(tf, pixels):
    return pictures.encode_png(pixels)


@pytest.mark.parametrize('kind', [b'tEXt', b'zTXt', b'iCCP', b'eXIf', b'IDAT', b'abCd'])
@pytest.mark.parametrize('place', ['first', 'last'])
def test_check_image_png_chunk_beyond_the_file_raises_undecoded(
    png, monkeypatch, kind, place
):
    monkeypatch.setattr(tf_codec, 'decode_png', None)
    end = 33 if place == 'first' else len(png) - 12
    data = png[:end] + CLAIM + kind + b'k\0value'
    reason = f'cut off PNG: its {kind.decode()} chunk has 3 bytes .expected 2,147,483,647'
    with pytest.raises(InvalidImageError, match=reason):
        check_image(data)


@pytest.mark.parametrize('check', CHECKS)
def test_check_image_png_of_46_bytes_that_claims_2_gb_raises(monkeypatch, check):
    monkeypatch.setattr(tf_codec, 'decode_png', None)
    with pytest.raises(InvalidImageError, match='^damaged or cut off PNG: its tEXt'):
        check_image((CASES / 'png_text_of_2_gb.png').read_bytes(), check)


def test_check_image_png_that_claims_2_gb_takes_no_memory(png, tmp_path):
    path = tmp_path / 'image.png'
    path.write_bytes(png[:-12] + CLAIM + b'tEXtk\0value')
    command = [sys.executable, '-c', MEASURE, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 100e6


@pytest.mark.parametrize('check', CHECKS)
@pytest.mark.parametrize('name', ['png_wide_65501x1.png', None])
def test_check_image_png_too_large_for_a_jpeg_raises_by_name(
    monkeypatch, tf, check, name
):
    monkeypatch.setattr(tf_codec, 'decode_png', None)
    header = chunk(b'IHDR', struct.pack('>IIBBBBB', 1, 65_501, 8, 2, 0, 0, 0))
    data = (CASES / name).read_bytes() if name else START + header
    side = 'wide' if name else 'high'
    reason = rf'^too {side}: 65,501 pixels \(expected at most 65,500\)$'
    with pytest.raises(InvalidImageError, match=reason):
        check_image(data, check)


def test_check_image_png_of_the_largest_side_becomes_jpeg(tf):
    for shape in ((1, 65_500, 3), (65_500, 1, 3)):
        image = check_image(tf.io.encode_png(tf.zeros(shape, tf.uint8)).numpy())
        assert image[1:4] == (*shape[:2], PNG)


def test_check_image_png_many_compressed_texts_raise_undecoded(png, monkeypatch):
    text = chunk(b'zTXt', b'key\0\0' + zlib.compress(bytes(1000)))
    data = png[:33] + text * 100 + png[33:]
    assert check_image(data)[1:4] == (24, 40, PNG)
    monkeypatch.setattr(tf_codec, 'decode_png', None)
    with pytest.raises(InvalidImageError, match='^too many compressed texts: 101'):
        check_image(png[:33] + text * 101 + png[33:])


def test_read_png_chunks_bytes_after_the_end_are_not_looked_at(png):
    assert read_png_chunks(png) == PngChunks(None, 0)
    assert read_png_chunks(png + CLAIM + b'tEXt') == PngChunks(None, 0)
    assert read_png_chunks(png[:-12]) == PngChunks('it has no IEND chunk', 0)


@given(st.binary(max_size=100))
def test_read_png_chunks_any_bytes_never_raise(data):
    for begin in (b'', chunk(b'IHDR', bytes(13)), chunk(b'iCCP')):
        chunks = read_png_chunks(START + begin + data)
        assert chunks.cut is None or b'IEND' not in data or chunks.cut.startswith('it')


@given(st.data())
def test_check_image_changed_png_agrees_with_decoder(png, data):
    changed = bytearray(png)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(8, 60) | st.integers(len(png) - 24, len(png) - 1))
        changed[place] = data.draw(st.integers(0, 255))
    changed = bytes(changed)
    try:
        check_image(changed)
    except InvalidImageError as error:
        assert str(error).startswith('too ') or not damage.decoder_accepts(changed)
    else:
        assert damage.decoder_accepts(changed)
