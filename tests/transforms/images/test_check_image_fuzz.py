"""Holds the check of images against TensorFlow's decoder on damaged files."""

import collections

import numpy as np
import pytest

from indexed_imagenet.transforms.formats.shard_info import DECODE, QUICK
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image
from support import damage

# What no decoder is asked about: a bound, or a start that is no picture's.
UNASKED = ('too large', 'too many scans', 'neither a JPEG nor a PNG', 'empty')


def judge(data, check):
    """The picture, or the reason as a string."""
    try:
        return check_image(data, check)
    except InvalidImageError as error:
        reason = str(error)
        assert reason.isprintable() and len(reason) < 300, reason
        return reason


def hold_against_decoder(kind, files):
    """Checks every file and counts (the decoder takes it, the quick check does)."""
    seen = collections.Counter()
    for number, data in enumerate(files):
        where = f'{kind}, file {number}: {data[:30]!r}'
        quick, thorough = judge(data, QUICK), judge(data, DECODE)
        if isinstance(quick, str) and quick.startswith(UNASKED):
            assert quick == thorough, where
            continue
        takes = damage.decoder_takes(data)
        if isinstance(thorough, str) and thorough.startswith(UNASKED):
            raise AssertionError(f'{where}: only a decode says {thorough}')
        assert isinstance(thorough, str) is not takes, f'{where}: {thorough}'
        if takes:  # nothing that the decoder takes is rejected
            assert quick == thorough, f'{where}: {quick}'
        elif kind in damage.CUTS:  # and no cut file is taken
            assert isinstance(quick, str), where
        seen[takes, not isinstance(quick, str)] += 1
    return seen


@pytest.fixture(scope='module')
def pictures(tf):
    pixels = np.random.RandomState(3).randint(0, 256, (56, 72, 3)).astype(np.uint8)
    return damage.make_pictures(pixels // 2 + np.arange(72, dtype=np.uint8)[:, None])


def test_every_kind_of_whole_picture_is_taken(pictures):
    for name, data in pictures.items():
        assert damage.decoder_takes(data), name
        picture = judge(data, QUICK)
        assert picture[1:3] == (56, 72), (name, picture)
        assert picture == judge(data, DECODE), name


@pytest.mark.parametrize('kind', damage.DAMAGES)
def test_agrees_with_the_decoder_on_damaged_pictures(pictures, kind):
    files = damage.damaged(kind, list(pictures.values()), count=300)
    seen = hold_against_decoder(kind, files)
    # The files are of use only if the decoder was asked about many of them, and
    # about some of those that it rejects.
    assert seen.total() > 200, seen
    if kind != 'bytes after the end':
        assert seen[False, False] + seen[False, True] > 3, seen


@pytest.mark.parametrize('kind', damage.DAMAGES)
def test_agrees_with_the_decoder_on_damaged_golden_pictures(golden, tf, kind):
    wholes = [path.read_bytes() for path in sorted(golden.glob('*/*/*.JPEG'))]
    files = damage.damaged(kind, wholes, count=100, seed=1)
    assert hold_against_decoder(kind, files).total() > 50


@pytest.mark.parametrize('name', damage.OTHER_FORMATS)
def test_other_formats_are_refused_by_their_start(name):
    reason = judge(damage.OTHER_FORMATS[name], QUICK)
    assert reason.startswith(('neither a JPEG nor a PNG', 'empty'))
    assert judge(damage.OTHER_FORMATS[name], DECODE) == reason


def test_a_cut_within_a_segment_that_holds_an_end_marker_is_seen(pictures):
    for name in ('note after its scan', 'note between scans', 'note between planes'):
        whole = pictures[name]
        cut = whole[: whole.index(b'a note ' + damage.END) + 9]
        assert cut.endswith(damage.END) and not damage.decoder_takes(cut)
        assert judge(cut, QUICK).startswith('cut off'), name
