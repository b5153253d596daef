"""Compares the check of images with TensorFlow's decoder on damaged files."""

import collections

import numpy as np
import pytest

from indexed_imagenet.transforms.formats.shard_info import DECODE, QUICK
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image
from support import damage

# Reasons given without decoding: a limit, or a start that is not an image's.
NOT_DECODED = ('too large', 'too many scans', 'neither a JPEG nor a PNG', 'empty')


def check_or_reason(data, check):
    """Returns the checked image, or the reason as a string."""
    try:
        return check_image(data, check)
    except InvalidImageError as error:
        reason = str(error)
        assert reason.isprintable() and len(reason) < 300, reason
        return reason


def compare_with_decoder(kind, files):
    """Checks files and counts them by (decoder accepts, quick check accepts)."""
    seen = collections.Counter()
    for number, data in enumerate(files):
        where = f'{kind}, file {number}: {data[:30]!r}'
        quick, thorough = check_or_reason(data, QUICK), check_or_reason(data, DECODE)
        if isinstance(quick, str) and quick.startswith(NOT_DECODED):
            assert quick == thorough, where
            continue
        accepts = damage.decoder_accepts(data)
        if isinstance(thorough, str) and thorough.startswith(NOT_DECODED):
            raise AssertionError(f'{where}: only decode gives {thorough}')
        assert isinstance(thorough, str) is not accepts, f'{where}: {thorough}'
        if accepts:  # nothing that the decoder accepts is rejected
            assert quick == thorough, f'{where}: {quick}'
        elif kind in damage.CUTS:  # and no cut file is accepted
            assert isinstance(quick, str), where
        seen[accepts, not isinstance(quick, str)] += 1
    return seen


@pytest.fixture(scope='module')
def images(tf):
    pixels = np.random.RandomState(3).randint(0, 256, (56, 72, 3)).astype(np.uint8)
    return damage.make_images(pixels // 2 + np.arange(72, dtype=np.uint8)[:, None])


def test_check_image_whole_image_of_every_kind_is_valid(images):
    for name, data in images.items():
        assert damage.decoder_accepts(data), name
        image = check_or_reason(data, QUICK)
        assert image[1:3] == (56, 72), (name, image)
        assert image == check_or_reason(data, DECODE), name


@pytest.mark.parametrize('kind', damage.DAMAGES)
def test_check_image_damaged_image_agrees_with_decoder(images, kind):
    files = damage.make_damaged(kind, list(images.values()), count=300)
    seen = compare_with_decoder(kind, files)
    # The files prove something only if many were decoded, and some of them rejected.
    assert seen.total() > 200, seen
    if kind != 'bytes after the end':
        assert seen[False, False] + seen[False, True] > 3, seen


@pytest.mark.parametrize('kind', damage.DAMAGES)
def test_check_image_damaged_golden_image_agrees_with_decoder(golden, tf, kind):
    wholes = [path.read_bytes() for path in sorted(golden.glob('*/*/*.JPEG'))]
    files = damage.make_damaged(kind, wholes, count=100, seed=1)
    assert compare_with_decoder(kind, files).total() > 50


@pytest.mark.parametrize('name', damage.OTHER_FORMATS)
def test_check_image_other_format_raises_for_its_start(name):
    reason = check_or_reason(damage.OTHER_FORMATS[name], QUICK)
    named = f'a {name} image (expected JPEG or PNG)'
    assert reason.startswith((named, 'neither a JPEG nor a PNG', 'empty'))
    assert check_or_reason(damage.OTHER_FORMATS[name], DECODE) == reason


def test_check_image_cut_after_end_marker_in_segment_raises(images):
    for place in ('after its scan', 'between scans', 'between planes'):
        name = f'comment {place}'
        whole = images[name]
        cut = whole[: whole.index(b'comment' + damage.END) + 9]
        assert cut.endswith(damage.END) and not damage.decoder_accepts(cut)
        assert check_or_reason(cut, QUICK).startswith('cut off'), name
