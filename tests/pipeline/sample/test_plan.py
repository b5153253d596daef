import numpy as np
import pytest

from indexed_imagenet.sample.classes import (
    CMYK_NAMES,
    CONVERTED_NAMES,
    PNG_NAME,
    choose_classes,
)
from indexed_imagenet.sample.make import describe, make_index
from indexed_imagenet.sample.plan import Sample, load_synsets, plan_validation


def test_choose_classes_every_count_gives_distinct_labels():
    for count in (1, 2, 19, 20, 21, 500, 1000):
        classes = choose_classes(load_synsets(), count)
        assert len(set(classes.tolist())) == len(classes) == count
        assert classes.dtype == np.int64
        assert classes.min() >= 0 and classes.max() <= 999


@pytest.mark.parametrize(('classes', 'num_cmyk'), [(1, 0), (2, 1), (20, 2), (1000, 22)])
def test_plan_train_converted_images_have_the_names_of_the_original_list(
    classes, num_cmyk
):
    names = [name.decode() for name in describe(Sample(2000, 1, classes)).names]
    assert names.count(PNG_NAME) == 1
    assert len(set(CMYK_NAMES) & set(names)) == num_cmyk
    assert len(set(names)) == len(names)


def test_plan_train_plain_has_no_name_of_the_original_list():
    names = {name.decode() for name in describe(Sample(2000, 1, 1000, plain=True)).names}
    assert not names & CONVERTED_NAMES


def test_plan_train_number_of_a_converted_image_is_drawn_the_name_is_another():
    # So many images that numbers of the list are drawn by chance, too.
    for plain in (False, True):
        names = describe(Sample(60_000, 1, 20, plain=plain)).names
        listed = [name for name in names.tolist() if name.decode() in CONVERTED_NAMES]
        assert len(listed) == (0 if plain else 3)
        assert len(set(names.tolist())) == len(names)


def test_describe_scores_follow_the_kinds():
    plan = describe(Sample(1000, 1))
    assert np.count_nonzero(plan.kinds == 'hard') == 80
    assert np.count_nonzero(plan.kinds == 'mislabelled') == 40
    for kind, least, most in (
        ('typical', 0, 0.3),
        ('hard', 0.4, 0.8),
        ('mislabelled', 0.8, 1),
    ):
        scores = plan.scores[plan.kinds == kind]
        assert least <= scores.min() and scores.max() <= most
    assert np.array_equal(make_index(Sample(1000, 1))['tr_mem'], plan.scores)


def test_describe_mislabelled_images_show_another_class_than_their_name_says():
    plan = describe(Sample(1000, 1))
    assert np.array_equal(plan.labels != plan.shown_labels, plan.kinds == 'mislabelled')
    assert set(plan.shown_labels.tolist()) <= set(plan.labels.tolist())
    synsets = load_synsets()
    for name, label in zip(plan.names.tolist(), plan.labels.tolist(), strict=True):
        assert name.decode().startswith(f'{synsets[label]}_')


def test_describe_one_class_has_nothing_mislabelled():
    plan = describe(Sample(100, 1, classes=1))
    assert 'mislabelled' not in plan.kinds
    assert np.array_equal(plan.labels, plan.shown_labels)


def test_plan_validation_all_images_are_typical():
    plan = plan_validation(Sample(1, 50))
    assert set(plan.kinds.tolist()) == {'typical'}
    assert np.array_equal(plan.labels, plan.shown_labels)
