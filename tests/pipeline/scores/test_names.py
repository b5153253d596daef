import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.scores import names
from indexed_imagenet.scores.names import StemIndex, stem_of, stems_of_numbers

NAME = 'n01981276_163.JPEG'
VALIDATION = 'ILSVRC2012_val_00000293.JPEG'


@pytest.mark.parametrize(
    'form',
    [
        'n01981276_163.JPEG',
        b'n01981276_163.JPEG',
        'n01981276_163.jpg',
        'n01981276_163',
        'n01981276/n01981276_163.JPEG',
        'train\\n01981276\\n01981276_163.JPEG',
        'https://host/train/n01981276/n01981276_163.JPEG?size=1',
        'n01981276_163_n01981276.JPEG',
        'n01981276/n01981276_163.pt',
    ],
)
def test_stem_of_every_form_is_the_same(form):
    assert stem_of(form)[0] == 'n01981276_163'


def test_stem_of_says_what_was_taken_off():
    assert stem_of(NAME) == ('n01981276_163', '')
    assert stem_of('val/' + VALIDATION)[1] == 'with folder'
    assert stem_of(VALIDATION[:-5] + '_n01751748')[1] == (
        'without ending, with appended synset'
    )


def test_numbers_are_those_in_validation_names():
    index = StemIndex([VALIDATION, 'ILSVRC2012_val_00000001.JPEG'])
    found = index.find(stems_of_numbers(np.array([1, 293, 7])))
    assert found.tolist() == [1, 0, -1]


def test_docstring_examples_are_true():
    assert doctest.testmod(names).failed == 0


@given(st.text() | st.binary())
def test_stem_of_anything_is_text(name):
    assert isinstance(stem_of(name)[0], str)
