"""Image features for small models: random patches as filters, and colours.

Filters are patches of the images themselves, after Coates, Lee and Ng, "An Analysis of
Single-Layer Networks in Unsupervised Feature Learning" (2011).
"""

import io

import numpy as np

from indexed_imagenet.readers.dataset import IndexedDataset

SIZE = 32
_PATCH = 6
_STRIDE = 2
_FILTERS = 256
# A filter's response counts above this, as a share of its norm.
_THRESHOLD = 0.5


def load_pixels(dataset: IndexedDataset) -> np.ndarray:
    """Decodes all examples: float32 in [0, 1], shape [n, SIZE, SIZE, 3]."""
    from PIL import Image

    pixels = np.empty((len(dataset), SIZE, SIZE, 3), np.float32)
    for example in dataset:
        with Image.open(io.BytesIO(example.image)) as image:
            image.draft('RGB', (2 * SIZE, 2 * SIZE))
            small = image.convert('RGB').resize((SIZE, SIZE), Image.Resampling.BOX)
        pixels[example.index] = np.asarray(small, np.float32) / 255
    return pixels


def _patches(pixels: np.ndarray) -> np.ndarray:
    """Returns normalized patches, float32, shape [n, rows, columns, patch values]."""
    windows = np.lib.stride_tricks.sliding_window_view(
        pixels, (_PATCH, _PATCH), axis=(1, 2)
    )[:, ::_STRIDE, ::_STRIDE]
    flat = windows.reshape(*windows.shape[:3], -1)
    patches: np.ndarray = flat - flat.mean(axis=-1, keepdims=True)
    patches /= patches.std(axis=-1, keepdims=True) + 0.1
    return patches


def make_filters(pixels: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Draws filters from images: float32, shape [filters, patch values]."""
    chosen = _patches(pixels[random.randint(len(pixels), size=_FILTERS)])
    rows, columns = (random.randint(n, size=_FILTERS) for n in chosen.shape[1:3])
    filters: np.ndarray = chosen[np.arange(_FILTERS), rows, columns]
    filters = filters / (np.linalg.norm(filters, axis=1, keepdims=True) + 1e-6)
    return filters


def image_features(pixels: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Returns mean filter responses and colours, float32, shape [n, features]."""
    found = []
    for start in range(0, len(pixels), 64):
        part = pixels[start : start + 64]
        responses = np.maximum(_patches(part) @ filters.T - _THRESHOLD, 0)
        levels = (part * 3.999).astype(np.int64) @ np.array([16, 4, 1])
        colours = [np.bincount(image.reshape(-1), minlength=64) for image in levels]
        shares = np.sqrt(np.array(colours, np.float32) / SIZE**2)
        found.append(np.concatenate([responses.mean(axis=(1, 2)), shares], axis=1))
    return np.concatenate(found)
