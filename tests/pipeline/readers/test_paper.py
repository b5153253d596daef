"""The paper's preprocessing: exact from the same pixels, close from other decoders."""

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset
from indexed_imagenet.readers import paper

# Greatest difference of normalised values between TensorFlow's decoder and Pillow's in
# the golden tree; 0.12 was measured, 8 grey levels before resizing.
DECODER_TOLERANCE = 0.2


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


def slow_evaluation(pixels: np.ndarray) -> np.ndarray:
    """Computes pixel by pixel, in double precision, from the definition."""
    height, width, _ = pixels.shape
    square = int(224 / 256 * min(height, width))
    top, left = (height - square + 1) // 2, (width - square + 1) // 2
    crop = pixels[top : top + square, left : left + square] / 255
    result = np.empty((224, 224, 3))

    def between(place):
        place = place * square / 224  # as TensorFlow 1, not at the pixel's centre
        low = int(np.floor(place))
        return low, min(low + 1, square - 1), place - low

    for y in range(224):
        y0, y1, dy = between(y)
        for x in range(224):
            x0, x1, dx = between(x)
            upper = crop[y0, x0] * (1 - dx) + crop[y0, x1] * dx
            lower = crop[y1, x0] * (1 - dx) + crop[y1, x1] * dx
            result[y, x] = upper * (1 - dy) + lower * dy
    return (result - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)


@pytest.mark.parametrize('shape', [(300, 401, 3), (57, 40, 3), (256, 256, 3)])
def test_evaluation_array_equals_the_definition(shape):
    pixels = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    given = paper.evaluation_array(pixels)
    assert (given.dtype, given.shape) == (np.float32, (224, 224, 3))
    # Positions between pixels are float32, as TensorFlow has them.
    np.testing.assert_allclose(given, slow_evaluation(pixels), atol=2e-4)


def test_evaluation_of_tensorflow_equals_numpys_from_the_same_pixels(ds, tf):
    for example in ds:
        given = paper.evaluation_tensor(tf, tf.constant(example.image)).numpy()
        top, left, side = paper.central_square(example.height, example.width)
        window = [top, left, side, side]
        square = tf.image.decode_and_crop_jpeg(example.image, window, channels=3)
        expected = paper.normalised_square(square.numpy())
        np.testing.assert_allclose(given, expected, atol=2e-6)


def their_evaluation(tf, encoded):
    """The calls of ``imagenet_preprocessing.py`` in the authors' repository, in order.

    https://github.com/google-research/heldout-influence-estimation, commit 231b77a,
    preprocess_for_eval and _normalize; its ``tf`` is ``tensorflow.compat.v1``.
    """
    v1 = tf.compat.v1
    shape = v1.image.extract_jpeg_shape(encoded)
    shorter = v1.cast(v1.minimum(shape[0], shape[1]), v1.float32)
    side = v1.cast(224 / (224 + 32) * shorter, v1.int32)
    offsets = [((shape[axis] - side) + 1) // 2 for axis in (0, 1)]
    window = v1.stack([*offsets, side, side])
    image = v1.image.decode_and_crop_jpeg(encoded, window, channels=3)
    image = v1.image.convert_image_dtype(image, dtype=v1.float32)
    image = v1.image.resize([image], [224, 224])[0]
    image = image - v1.constant([0.485, 0.456, 0.406], shape=[1, 1, 3])
    return image / v1.constant([0.229, 0.224, 0.225], shape=[1, 1, 3])


def test_evaluation_equals_the_authors_bit_by_bit(ds, tf):
    for element in ds.as_tf_dataset(preprocess='paper', image_buffer=True):
        expected = their_evaluation(tf, element['image_buffer']).numpy()
        assert (element['image'].numpy() == expected).all()


def test_batches_are_what_the_authors_loader_yields(ds):
    batches = list(
        ds.as_tf_dataset(
            preprocess='paper', batch_size=20, image_buffer=True
        ).as_numpy_iterator()
    )
    assert [len(batch['index']) for batch in batches] == [20, 20, 11]
    seen = np.concatenate([batch['index'] for batch in batches])
    assert sorted(seen.tolist()) == list(range(51))
    for batch in batches:
        assert batch['image'].dtype == np.float32
        assert batch['image'].shape[1:] == (224, 224, 3)
        for image, label, index, buffer, name in zip(
            *(batch[k] for k in ('image', 'label', 'index', 'image_buffer', 'filename')),
            strict=True,
        ):
            example = ds[index]
            assert (label, buffer, name.decode()) == (
                example.label,
                example.image,
                example.filename,
            )
            other = paper.evaluation_array(example.decode())
            assert np.abs(image - other).max() < DECODER_TOLERANCE


@pytest.mark.parametrize('form', [list, np.int16, np.uint64])
def test_subset_index_takes_lists_and_any_integer_type(ds, form):
    chosen = [30, 4, 9] if form is list else np.array([30, 4, 9], form)
    data = ds.as_tf_dataset(preprocess='paper', batch_size=2, subset_index=chosen)
    seen = [i for batch in data for i in batch['index'].numpy().tolist()]
    assert sorted(seen) == [4, 9, 30]


def test_augmentation_same_seed_gives_the_same_crops(ds):
    def images(seed, passes=1):
        data = ds.as_tf_dataset(
            range(12), preprocess='paper', augmentation=True, augmentation_seed=seed
        )
        return [
            np.stack([element['image'] for element in data.as_numpy_iterator()])
            for _ in range(passes)
        ]

    first, second = images(3, passes=2)
    again, _ = images(3, passes=2)
    [other] = images(4)
    assert (first == again).all()
    assert not (first == second).all()
    assert not (first == other).all()
    assert first.shape == (12, 224, 224, 3)
    assert np.isfinite(first).all()


def test_augmentation_crops_cover_the_stated_areas_and_flip_half(tf):
    """Pixels that hold their own coordinates show which crop was taken."""
    height, width = 200, 300
    ys, xs = np.mgrid[0:height, 0:width]
    pixels = np.stack([ys, xs // 2, 0 * xs], -1).astype(np.uint8)
    flips, areas, aspects = 0, [], []
    for seed in range(200):
        image = paper.augmented_tensor(tf, pixels, tf.constant([seed, 1], tf.int64))
        plain = image.numpy() * paper.STD + paper.MEAN
        y = plain[..., 0] * 255
        x = plain[..., 1] * 255 * 2
        flips += x[100, 0] > x[100, -1]
        tall = (y[-1, 0] - y[0, 0]) * 224 / 223
        wide = abs(x[0, -1] - x[0, 0]) * 224 / 223
        areas.append(tall * wide / (height * width))
        aspects.append(wide / tall)
    assert 70 < flips < 130
    assert 0.05 < min(areas) < 0.2
    assert 0.8 < max(areas) < 1.1
    assert 0.7 < min(aspects) < 0.85
    assert 1.2 < max(aspects) < 1.45


def test_augmentation_without_a_fitting_crop_takes_the_central_square(tf):
    """No crop of these aspects has 8 % of so narrow an image."""
    pixels = np.random.RandomState(0).randint(0, 256, (10, 2000, 3)).astype(np.uint8)
    expected = paper.evaluation_array(pixels)
    for seed in range(5):
        image = paper.augmented_tensor(tf, pixels, tf.constant([seed, 1], tf.int64))
        differences = [
            np.abs(image.numpy() - square).max()
            for square in (expected, expected[:, ::-1])
        ]
        assert min(differences) < 1e-4


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'preprocess': 'other'}, "preprocess is 'other'"),
        ({'preprocess': 'paper', 'decode': False}, 'needs decode=True'),
        ({'augmentation': True}, "augmentation needs preprocess='paper'"),
        ({'batch_size': 0}, 'batch_size is 0'),
        ({'indices': [1], 'subset_index': [1]}, 'give one'),
    ],
)
def test_options_that_do_not_fit_raise(ds, options, message):
    with pytest.raises(ValueError, match=message):
        ds.as_tf_dataset(**options)


@pytest.mark.long
def test_torch_tensors_equal_tensorflows_within_the_tolerance(ds):
    torch = pytest.importorskip('torch', reason='PyTorch is not installed')
    data = ds.torch(preprocess='paper', returns=('image', 'index'))
    given = {index: image for image, index in (data[i] for i in range(len(data)))}
    for element in ds.as_tf_dataset(preprocess='paper').as_numpy_iterator():
        tensor = given[int(element['index'])]
        assert (tensor.dtype, tuple(tensor.shape)) == (torch.float32, (3, 224, 224))
        difference = np.abs(tensor.numpy().transpose(1, 2, 0) - element['image']).max()
        assert difference < DECODER_TOLERANCE
