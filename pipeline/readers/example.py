"""One example, as a record holds it."""

import dataclasses
import io

import numpy as np

from indexed_imagenet.transforms.formats.example_decoder import decode_example


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """One example of a data set.

    Attributes:
      index: its position in the index file.
      image: a JPEG, the bytes as stored.
      height, width: of the image in pixels, as stored (EXIF rotation is not applied).
      label: position of its synset in the sorted list, 0 to 999.
      synset: for example ``n02119022``.
      text: the words of the synset, for example ``red fox, Vulpes vulpes``.
      filename: its name in the index file.
    """

    index: int
    image: bytes = dataclasses.field(repr=False)
    height: int
    width: int
    label: int
    synset: str
    text: str
    filename: str

    @property
    def class_label(self) -> int:
        """The label as the record has it, 1 to 1,000; 0 is kept for background."""
        return self.label + 1

    def decode(self) -> np.ndarray:
        """Decodes the image: uint8, shape [height, width, 3].

        EXIF rotation is not applied: this is what a network sees that was trained with
        TensorFlow or torchvision.

        Raises:
          ImportError: Pillow is not installed.
          OSError: the image is damaged.
        """
        return decode_image(self.image)


def decode_image(image: bytes) -> np.ndarray:
    """Decodes a JPEG with Pillow: uint8, shape [height, width, 3], not rotated."""
    from PIL import Image

    with Image.open(io.BytesIO(image)) as opened:
        return np.asarray(opened.convert('RGB'))


def parse_example(payload: bytes) -> Example:
    """Parses a record.

    Raises:
      ValueError: it is not a record of an image with its index.
    """
    features = decode_example(payload)
    try:
        [index] = features['index'].values
        [image] = features['image/encoded'].values
        [height] = features['image/height'].values
        [width] = features['image/width'].values
        [class_label] = features['image/class/label'].values
        [synset] = features['image/class/synset'].values
        [text] = features['image/class/text'].values
        [filename] = features['image/filename'].values
        return Example(
            index,
            image,
            height,
            width,
            class_label - 1,
            synset.decode(),
            text.decode(),
            filename.decode(),
        )
    except KeyError as error:
        raise ValueError(f'the feature {error} is missing') from None
    except (AttributeError, TypeError) as error:
        raise ValueError(f'a feature is of the wrong kind: {error}') from None
