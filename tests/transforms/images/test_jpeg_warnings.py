"""libjpeg's warnings are found in files that TensorFlow's decoder accepts."""

import pathlib
import sys

import pytest

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.shard_info import DECODE, QUICK
from indexed_imagenet.transforms.images.check_image import check_image
from indexed_imagenet.transforms.images.jpeg_warnings import find_warning
from support import damage

CASES = pathlib.Path(__file__).parents[2] / 'cases'


@pytest.mark.parametrize('check', [QUICK, DECODE])
def test_find_warning_file_sent_as_text_is_accepted_with_warning(tf, check):
    data = (CASES / 'jpeg_lf_to_crlf.JPEG').read_bytes()
    assert check_image(data, check).encoded is data
    assert find_warning(data).startswith('Corrupt JPEG data: ')


def test_find_warning_hole_of_4_kb_is_found(tf):
    large = pictures.encode_rgb(pictures.make_pixels(1))
    for begin in range(10_000, 60_000, 10_000):
        data = large[:begin] + bytes(4096) + large[begin + 4096 :]
        assert check_image(data, DECODE).encoded is data
        assert find_warning(data) is not None, begin


def test_find_warning_whole_image_of_every_kind_has_none(tf, golden):
    made = damage.make_images(pictures.make_pixels(2)[:64, :80])
    for name, data in made.items():
        if name not in ('garbage in the header', 'PNG'):
            is_cmyk = name in ('CMYK', 'note between planes')
            assert find_warning(data, is_cmyk) is None, name
    for path in golden.glob('*/*/*.JPEG'):
        data = path.read_bytes()
        if check_image(data).converted_from is None:
            assert find_warning(data) is None, path


def test_find_warning_cmyk_jpeg_with_stray_bytes_is_found(tf, pixels):
    data = pictures.encode_cmyk(pixels)
    assert find_warning(data, is_cmyk=True) is None
    warning = find_warning(data[:-2] + b'stray' + data[-2:], is_cmyk=True)
    assert warning.startswith('Corrupt JPEG data: ')
    assert warning.endswith('extraneous bytes before marker 0xd9')


def test_find_warning_file_that_second_decoder_cannot_decode_says_so(tf, jpeg):
    common, rare = b'\x01\x22\x00\x02\x11', b'\x01\x13\x00\x02\x11'
    assert common in jpeg
    changed = jpeg.replace(common, rare)
    assert check_image(changed, DECODE).encoded is changed
    reason = 'the second decoder cannot decode it: Could not determine'
    assert find_warning(changed).startswith(reason)
    assert find_warning(b'\xff\xd8').startswith('the second decoder cannot decode it')


def test_find_warning_import_of_module_does_not_import_simplejpeg(monkeypatch, jpeg):
    monkeypatch.setitem(sys.modules, 'simplejpeg', None)  # an import would fail
    with pytest.raises(ImportError):
        find_warning(jpeg)
