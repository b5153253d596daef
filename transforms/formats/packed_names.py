"""Names as two arrays: all their bytes one after another, and where each one ends.

1.28 million names take 36 MB so, whatever the longest of them; any one of them can be
read without the others.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, slots=True)
class PackedNames:
    """Names, packed.

    Attributes:
      content: the names one after another, uint8.
      ends: shape [n], int64, ascending: where each name ends in ``content``.
    """

    content: np.ndarray
    ends: np.ndarray

    def __post_init__(self) -> None:
        steps = np.diff(self.ends, prepend=0)
        if self.content.ndim != 1 or self.content.dtype != np.uint8:
            raise ValueError(f'names have dtype {self.content.dtype} (expected uint8)')
        if self.ends.ndim != 1 or self.ends.dtype != np.int64:
            raise ValueError(f'ends have dtype {self.ends.dtype} (expected int64)')
        if (steps < 0).any() or (len(steps) and self.ends[-1] != len(self.content)):
            raise ValueError('the ends of names are not ascending to the last byte')

    @classmethod
    def pack(cls, names: np.ndarray) -> 'PackedNames':
        """Packs an array of names, shape [n], dtype S."""
        width = names.dtype.itemsize
        lengths = np.char.str_len(names)
        table = np.ascontiguousarray(names).view(np.uint8).reshape(-1, width)
        content = table[np.arange(width) < lengths[:, None]]
        return cls(content, np.cumsum(lengths, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, position: int) -> bytes:
        begin = self.ends[position - 1] if position else 0
        return self.content[begin : self.ends[position]].tobytes()

    def unpack(self) -> np.ndarray:
        """Returns the names as an array, shape [n], dtype S."""
        lengths = np.diff(self.ends, prepend=0)
        width = max(1, int(lengths.max(initial=0)))
        table = np.zeros((len(lengths), width), np.uint8)
        table[np.arange(width) < lengths[:, None]] = self.content
        return table.view(f'S{width}').reshape(-1)
