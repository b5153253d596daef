from indexed_imagenet.report.few_images import few_images_warning


def test_few_images_warning_below_half_of_the_index():
    assert few_images_warning(60, 1_281_167, 'train', '/images') == (
        'warning: train has 60 of the 1,281,167 images of the index; unless that is '
        'meant, check --train_directory /images'
    )
    assert few_images_warning(4, 9, 'validation', '/images') is not None


def test_few_images_warning_half_of_the_index_is_none():
    assert few_images_warning(5, 10, 'train', '/images') is None
    assert few_images_warning(10, 10, 'train', '/images') is None
