"""Writes chosen examples as files: JPEGs named by index, and a CSV."""

import csv
import itertools
import os
import pathlib
from collections.abc import Iterable

from indexed_imagenet.errors import UserError
from indexed_imagenet.readers.batches import read_batches
from indexed_imagenet.readers.dataset import IndexedDataset
from indexed_imagenet.readers.example import Example
from indexed_imagenet.text import error_text

CSV_FILE = 'examples.csv'
CSV_FIELDS = ('index', 'file', 'filename', 'label', 'synset', 'text', 'height', 'width')


def file_name(example: Example) -> str:
    """Returns the name of an example's file, for example ``000950353_n0_1.JPEG``.

    A record of a stranger may hold any name; only its last part is used, and nothing
    in it that a file system would not take.
    """
    base = example.filename.replace('\\', '/').rpartition('/')[2]
    safe = ''.join(c if c.isalnum() or c in '._-' else '_' for c in base)
    return f'{example.index:09d}_{safe}'


def export_examples(
    dataset: IndexedDataset, indices: Iterable[int], folder: str | os.PathLike[str]
) -> int:
    """Writes the examples of some indices into a new or empty folder.

    Args:
      dataset: to read from.
      indices: published indices; repeated ones are written once.
      folder: gets a JPEG per example, and ``examples.csv``.

    Returns:
      The number of examples.

    Raises:
      UserError: the folder holds something, or cannot be written.
      IndexError, MissingExampleError, CorruptRecordError: an example cannot be read.
    """
    chosen = list(dict.fromkeys(int(index) for index in indices))
    dataset.subset(chosen)  # raises before anything is written
    target = pathlib.Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise UserError(f'--output {target} is not empty; choose another folder')
        with open(target / CSV_FILE, 'w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(CSV_FIELDS)
            batches = read_batches(dataset, chosen)
            for example in itertools.chain.from_iterable(batches):
                name = file_name(example)
                (target / name).write_bytes(example.image)
                fields = [getattr(example, key) for key in CSV_FIELDS if key != 'file']
                writer.writerow([fields[0], name, *fields[1:]])
    except OSError as error:
        raise UserError(
            f'--output {target} cannot be written: {error_text(error)}; choose another '
            'folder'
        ) from error
    return len(chosen)
