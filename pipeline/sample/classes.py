"""Chooses the classes of a sample, and the names of its converted images."""

from collections.abc import Sequence

import numpy as np

from indexed_imagenet.sample.drawings import DRAWINGS

# The training images of ImageNet that are not RGB or grey JPEGs. The original builder
# knows them by these names, and converts no others, so the sample's have them, too.
# Source: build_imagenet_data.py of TensorFlow's models repository.
PNG_NAME = 'n02105855_2933.JPEG'
CMYK_NAMES = (
    'n01739381_1309.JPEG',
    'n02077923_14822.JPEG',
    'n02447366_23489.JPEG',
    'n02492035_15739.JPEG',
    'n02747177_10752.JPEG',
    'n03018349_4028.JPEG',
    'n03062245_4620.JPEG',
    'n03347037_9675.JPEG',
    'n03467068_12171.JPEG',
    'n03529860_11437.JPEG',
    'n03544143_17228.JPEG',
    'n03633091_5218.JPEG',
    'n03710637_5125.JPEG',
    'n03961711_5286.JPEG',
    'n04033995_2932.JPEG',
    'n04258138_17003.JPEG',
    'n04264628_27969.JPEG',
    'n04336792_7448.JPEG',
    'n04371774_5854.JPEG',
    'n04596742_4225.JPEG',
    'n07583066_647.JPEG',
    'n13037406_4650.JPEG',
)
CONVERTED_NAMES = frozenset([PNG_NAME, *CMYK_NAMES])


def choose_classes(synsets: Sequence[str], count: int) -> np.ndarray:
    """Chooses the classes that a sample uses.

    First come those with a drawing, of which the first two have a PNG and a CMYK image;
    then others, spread evenly over the list.

    Args:
      synsets: the synsets in label order.
      count: how many classes, 1 to ``len(synsets)``.

    Returns:
      Labels from 0, int64, shape [count], each once.
    """
    drawn = [synsets.index(synset) for synset in DRAWINGS]
    others = np.setdiff1d(np.arange(len(synsets)), drawn)
    num_others = max(0, count - len(drawn))
    spread = np.linspace(0, len(others) - 1, num_others).astype(np.int64)
    return np.concatenate([drawn[:count], others[spread]]).astype(np.int64)
