"""Image trees to measure with, made once and kept."""

import os
import pathlib

import numpy as np
from rich.console import Console

from indexed_imagenet.sample import make, pictures
from indexed_imagenet.sample.plan import Sample
from indexed_imagenet.transforms.images.tf_codec import tensorflow

# Links to one file that any file system allows.
_LINKS = 20_000

_INDEX_COLUMNS = ('tr_filenames', 'tr_labels', 'tr_mem')


def _image_path(tree: pathlib.Path, name: bytes) -> pathlib.Path:
    return tree / 'train' / name.decode().partition('_')[0] / name.decode()


def make_photos(folder: pathlib.Path, count: int) -> pathlib.Path:
    """Makes that many distinct JPEGs of ImageNet's size, 111 kB on average."""
    tree = folder / f'photos-{count}'
    made = Sample(count, 1, classes=1000, pictures=500, plain=True)
    make.make_sample(tree, made, Console(stderr=True))
    return tree


def take_some(tree: pathlib.Path, count: int) -> pathlib.Path:
    """The first examples of a tree as one of their own, its images linked."""
    part = tree.with_name(f'{tree.name}-first-{count}')
    if (part / make.INDEX_FILE).exists():
        return part
    with np.load(tree / make.INDEX_FILE) as index:
        arrays = {
            key: values[:count] if key in _INDEX_COLUMNS else values
            for key, values in index.items()
        }
    for name in arrays['tr_filenames'].tolist():
        path = _image_path(part, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.link(_image_path(tree, name), path)
    np.savez(part / make.INDEX_FILE, **arrays)
    return part


def make_small(folder: pathlib.Path, count: int, index_length: int) -> pathlib.Path:
    """Makes a tree of links to a few small images, about 4 kB each.

    Args:
      folder: where trees go.
      count: how many images.
      index_length: how many examples the index names; the others are missing.
    """
    tree = folder / f'small-{count}-of-{index_length}'
    if (tree / make.INDEX_FILE).exists():
        return tree
    index = make.make_index(Sample(index_length, 1, classes=1000))
    names = index['tr_filenames'].tolist()[:count]
    tf = tensorflow()
    sources = []
    (tree / 'sources').mkdir(parents=True, exist_ok=True)
    for number in range(-(-len(names) // _LINKS)):
        pixels = pictures.make_pixels(number)[:128, :128]
        sources.append(tree / 'sources' / f'{number}.JPEG')
        sources[-1].write_bytes(tf.io.encode_jpeg(pixels, quality=80).numpy())
    for number, name in enumerate(names):
        path = _image_path(tree, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.link(sources[number % len(sources)], path)
    np.savez(tree / make.INDEX_FILE, **index)
    return tree


def forget(tree: pathlib.Path) -> None:
    """Has the system drop the images from its memory, so that they are read anew."""
    for path in (tree / 'train').glob('*/*'):
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def mean_kilobytes(tree: pathlib.Path) -> float:
    """The mean size of a tree's images."""
    sizes = [path.stat().st_size for path in (tree / 'train').glob('*/*')]
    return sum(sizes) / len(sizes) / 1e3
