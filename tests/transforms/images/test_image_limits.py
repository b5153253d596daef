"""Files made to keep a worker busy for minutes or to fill its memory."""

import multiprocessing
import resource
import struct
import zlib

import pytest

from indexed_imagenet.sample import pictures
from indexed_imagenet.transforms.formats.shard_info import CHECKS, DECODE, QUICK
from indexed_imagenet.transforms.images import check_image, tf_codec
from indexed_imagenet.transforms.images.check_image import InvalidImageError
from support import damage
from support.damage import END, segment


def huge_png(before=b''):
    """Returns a whole PNG of 60,000 x 60,000 pixels of one bit."""

    def chunk(kind, content):
        crc = struct.pack('>I', zlib.crc32(kind + content))
        return struct.pack('>I', len(content)) + kind + content + crc

    packer = zlib.compressobj(1)
    row = bytes(1 + 60_000 // 8)
    data = b''.join([packer.compress(row) for _ in range(60_000)] + [packer.flush()])
    header = struct.pack('>IIBBBBB', 60_000, 60_000, 1, 0, 0, 0, 0)
    start = b'\x89PNG\r\n\x1a\n' + (chunk(b'abCd', before) if before else b'')
    end = chunk(b'IEND', b'')
    return start + chunk(b'IHDR', header) + chunk(b'IDAT', data) + end


@pytest.fixture(scope='module')
def huge(tf, pixels):
    """Returns files of 60,000 x 60,000 pixels, by kind."""
    baseline = damage.with_size(pictures.encode_rgb(pixels), 60_000, 60_000)
    progressive = pictures.encode_rgb(pixels, progressive=True)
    return {
        'baseline': baseline,
        'progressive': damage.with_size(progressive, 60_000, 60_000),
        'header that only libjpeg can read': baseline[:20] + b'xyz' + baseline[20:],
        'long header': baseline[:2] + b'\xff' * 20_000 + baseline[2:],
        'PNG': huge_png(),
        'PNG whose header is not first': huge_png(before=b'IHDR'),
    }


def _check_all(jobs, results):
    tf_codec.tensorflow()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = []
    for data, check in jobs:
        try:
            answers.append(repr(check_image.check_image(data, check)[1:]))
        except InvalidImageError as error:
            answers.append(str(error))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results.put((answers, (after - before) * 1024))


def check_in_process(jobs):
    """Returns the result for each file, and by how many bytes the process grew."""
    context = multiprocessing.get_context('spawn')
    results = context.Queue()
    process = context.Process(target=_check_all, args=(jobs, results))
    process.start()
    answers_and_growth = results.get(timeout=120)
    process.join()
    return answers_and_growth


def test_check_image_huge_image_raises_without_using_memory(huge):
    jobs = [(data, check) for data in huge.values() for check in CHECKS]
    reasons, growth = check_in_process(jobs)
    size = '60,000 x 60,000 is 3,600,000,000 pixels'
    assert set(reasons) == {f'too large: {size} (expected at most 100,000,000)'}
    assert len(reasons) == 12
    assert growth < 200e6  # a row of such an image is 180 kB, the whole 10.8 GB


def test_check_image_endless_header_uses_no_more_than_a_copy_of_the_file(pixels, tf):
    whole = pictures.encode_rgb(pixels)
    jobs, expected = [], []
    for endless, check in ((b'\xff', QUICK), (segment(0xFE), QUICK), (b'\xff', DECODE)):
        padding = endless * (50_000_000 // len(endless))
        jobs += [(whole[:2] + padding + whole[2:], check), (whole[:2] + padding, check)]
        expected += ['(24, 40, None)', 'damaged JPEG: Invalid JPEG data, size 50000002']
    answers, growth = check_in_process(jobs)
    assert answers == expected
    assert growth < 300e6


def bomb(side, num_scans):
    """Returns a grey progressive JPEG whose scans are a few bytes and visit all pixels.

    Each refines coefficients that are all zero: runs of 32,767 empty blocks, 15
    bits per run. The table has two codes: 0 for such a run, and 10, which is unused.
    """
    pixels = pictures.make_pixels(0)[:8, :8]
    grey = pictures.encode_grey(pixels)
    tables = grey[2 : damage.first_scan(grey)]
    tables = tables.replace(b'\xff\xc0', b'\xff\xc2', 1)
    start = damage.with_size(b'\xff\xd8' + tables, side, side)
    start += segment(0xDA, bytes([1, 1, 0, 0, 0, 1]))
    start += segment(0xC4, bytes([0x10, 1, 1, *bytes(14), 0xE0, 0x00]))
    start += segment(0xDA, bytes([1, 1, 0, 1, 63, 1]))
    runs = -(-(((side + 7) // 8) ** 2) // 32_767)
    bits = ('0' + '1' * 14) * runs
    bits += '1' * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, 'big').replace(b'\xff', b'\xff\0')
    return start + (segment(0xDA, bytes([1, 1, 0, 1, 63, 0x10])) + data) * num_scans + END


@pytest.mark.parametrize('check', CHECKS)
def test_check_image_thousands_of_scans_of_large_image_raises(tf, monkeypatch, check):
    few = bomb(4_000, 100)
    assert check_image.check_image(few, check)[1:] == (4_000, 4_000, None)
    monkeypatch.setattr(tf_codec, 'decode_jpeg', None)  # must not be called
    many = bomb(4_000, 5_000)
    reason = r'too many scans: 5,002 of 4,000 x 4,000 pixels \(expected at most 625\)'
    with pytest.raises(InvalidImageError, match=reason):
        check_image.check_image(many, check)
    with pytest.raises(InvalidImageError, match='too many scans'):
        check_image.check_image(many + b'after the end', check)


def test_check_image_flood_of_scans_of_small_image_raises(pixels, tf):
    progressive = pictures.encode_rgb(pixels, progressive=True)
    flood = segment(0xDA, bytes([1, 1, 0, 0, 0, 1])) * 200_000
    with pytest.raises(InvalidImageError, match='expected at most 10,000'):
        check_image.check_image(progressive[:-2] + flood + END)


def test_check_image_scan_markers_after_end_are_not_counted(pixels, tf):
    whole = pictures.encode_rgb(pixels) + b'\xff\xda' * 20_000
    assert check_image.check_image(whole)[1:] == (24, 40, None)
