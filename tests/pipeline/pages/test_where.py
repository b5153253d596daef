import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from indexed_imagenet.errors import UserError
from indexed_imagenet.pages.where import select_where

LABEL = np.array([0, 1, 2, 207])
SCORE = np.array([0.1, 0.5, np.nan, 0.9])
NAME = np.array(['a', 'n02105855', "it's", 'b or c'])
COLUMNS = {
    'label': lambda: LABEL,
    'tr_mem': lambda: SCORE,
    'synset': lambda: NAME,
}


def select(condition):
    return select_where(condition, COLUMNS, 4).tolist()


@pytest.mark.parametrize(
    'condition, expected',
    [
        ('tr_mem > 0.8 and label == 207', [3]),
        ('label>=1 and(label<=2)', [1, 2]),
        ('not label == 1 or tr_mem == .5', [0, 1, 2, 3]),
        ('label == 0 or label == 1 and tr_mem > 1', [0]),
        ('(label == 0 or label == 1) and tr_mem < 0.2', [0]),
        ('not (label == 0 or not label == 0)', []),
        ('0.2 < tr_mem <= 0.9', [1, 3]),
        ('tr_mem < -1e-3', []),
        ('synset == "n02105855"', [1]),
        ("synset == 'b or c'", [3]),
        ('synset == "it\'s"', [2]),
        ("synset != 'a'", [1, 2, 3]),
        ('tr_mem == tr_mem', [0, 1, 3]),
    ],
)
def test_select_where_conditions(condition, expected):
    mask = select(condition)
    assert [i for i, chosen in enumerate(mask) if chosen] == expected


@pytest.mark.parametrize(
    'condition, why',
    [
        ('', 'it ends too early'),
        ('tr_mem', 'a comparison is missing'),
        ('tr_mem >', 'it ends too early'),
        ('tr_mem > 0.5 and', 'it ends too early'),
        ('(tr_mem > 0.5', r"a '\)' is missing"),
        ('tr_mem > 0.5)', r"'\)' is not expected there"),
        ('tr_mem = 0.5', 'a comparison is missing'),
        ('tr_mem > "a"', 'a text is compared with a number'),
        ('memory > 1', "the column 'memory' .expected one of label, tr_mem, synset"),
        ("__import__('os') == 1", "the column '__import__'"),
        ('label.__class__ == 1', "the column 'label.__class__'"),
        ('label == 1; label == 2', "';' is not expected there"),
        ('not ' * 60 + 'label == 1', 'nested more than 50 deep'),
        ('(' * 60 + 'label == 1' + ')' * 60, 'nested more than 50 deep'),
    ],
)
def test_select_where_other_texts_are_refused_with_the_reason(condition, why):
    with pytest.raises(UserError, match=why) as raised:
        select(condition)
    assert '\n' not in str(raised.value)


@hypothesis.given(st.text(st.sampled_from('labetr_m notd(0.5<>=!"\'') | st.characters()))
def test_select_where_any_text_is_a_mask_or_one_line(condition):
    try:
        mask = select(condition)
    except UserError as error:
        assert '\n' not in str(error)
    else:
        assert len(mask) == 4


_comparisons = st.builds(
    lambda name, sign, value: f'{name} {sign} {value}',
    st.sampled_from(['label', 'tr_mem']),
    st.sampled_from(['==', '!=', '<', '<=', '>', '>=']),
    st.floats(-10, 300).map(lambda value: f'{value:.3f}'),
)
_conditions = st.recursive(
    _comparisons,
    lambda inner: (
        st.builds(lambda a, b: f'({a}) and ({b})', inner, inner)
        | st.builds(lambda a, b: f'({a}) or ({b})', inner, inner)
        | st.builds(lambda a: f'not ({a})', inner)
    ),
    max_leaves=6,
)


@hypothesis.given(_conditions)
def test_select_where_equals_pythons_own_meaning(condition):
    expected = [
        eval(condition, {'label': label, 'tr_mem': score})
        for label, score in zip(LABEL.tolist(), SCORE.tolist(), strict=True)
    ]
    assert select(condition) == expected
