"""The plain loop that a build is measured against: one process, one file.

    python tests/bench/loop.py IMAGES OUTPUT [--decode] [--delay=0.02]

Reads each image in the order of the index, makes a `tf.train.Example`, and writes
it with `tf.io.TFRecordWriter`. With `--decode` it decodes each image for its size, as
the original builder does; without, its records have no sizes. `--delay` is a pause
before each read, in seconds.
"""

import argparse
import pathlib
import time

import tensorflow as tf

from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from indexed_imagenet.sample.make import INDEX_FILE
from indexed_imagenet.transforms.formats.index_file import read_split_index


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int64(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def write_all(images: pathlib.Path, output: str, decode: bool, delay: float) -> None:
    """Writes every training image of a sample into one file."""
    split = read_split_index(str(images / INDEX_FILE), 'train')
    labels = load_labels(str(SYNSETS_FILE), str(METADATA_FILE))
    with tf.io.TFRecordWriter(output) as writer:
        for index, (name, number) in enumerate(
            zip(split.names.tolist(), split.labels.tolist(), strict=True)
        ):
            label = labels[number]
            path = images / 'train' / label.synset / name.decode()
            time.sleep(delay)
            encoded = path.read_bytes()
            features = {
                'index': _int64(index),
                'image/encoded': _bytes(encoded),
                'image/channels': _int64(3),
                'image/colorspace': _bytes(b'RGB'),
                'image/format': _bytes(b'JPEG'),
                'image/filename': _bytes(name),
                'image/class/label': _int64(label.number),
                'image/class/synset': _bytes(label.synset.encode()),
                'image/class/text': _bytes(label.text.encode()),
            }
            if decode:
                height, width, _ = tf.io.decode_jpeg(encoded).shape
                features['image/height'] = _int64(height)
                features['image/width'] = _int64(width)
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def main() -> None:
    """Writes one file, as the flags say."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('images', type=pathlib.Path, help='folder of the image tree')
    parser.add_argument('output', help='file to write')
    parser.add_argument('--decode', action='store_true', help='decode each image')
    parser.add_argument(
        '--delay', type=float, default=0.0, help='seconds before each read'
    )
    flags = parser.parse_args()
    write_all(flags.images, flags.output, flags.decode, flags.delay)


if __name__ == '__main__':
    main()
