"""Warns of a build that found only a small part of the images of its index."""

# Below this share of the index a build is taken for a mistake rather than a subset with
# a few images missing.
_WARN_BELOW = 0.5


def few_images_warning(
    examples: int, index_length: int, split: str, directory: str
) -> str | None:
    """Returns a warning if a split has far fewer images than its index; None if not.

    Args:
      examples: the number of images found.
      index_length: the number of images that the index names.
      split: ``train`` or ``validation``.
      directory: where the images are.
    """
    if examples >= _WARN_BELOW * index_length:
        return None
    return (
        f'warning: {split} has {examples:,} of the {index_length:,} images of the index; '
        f'unless that is meant, check --{split}_directory {directory}'
    )
