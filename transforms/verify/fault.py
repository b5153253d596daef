"""A fault that verify reports, at the place where it is."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in an output directory.

    Attributes:
      path: the file.
      what: the value seen and the value expected.
      offset: of the frame in the file, in bytes; −1 if it is about the whole file.
      index: of the example; −1 if it is not known.
    """

    path: str
    what: str
    offset: int = -1
    index: int = -1

    def __str__(self) -> str:
        place = f' at byte {self.offset:,}' if self.offset >= 0 else ''
        example = f', index {self.index}' if self.index >= 0 else ''
        return f'{self.path}{place}{example}: {self.what}'
