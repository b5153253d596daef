"""What a file's name says: whether it is hidden, and whether it looks like an image's."""

_IMAGE_ENDINGS = (b'.jpeg', b'.jpg', b'.png')


def is_hidden(name: bytes) -> bool:
    """Returns whether file systems and desktops keep a name for themselves."""
    return name.startswith(b'.')


def looks_like_image(name: bytes) -> bool:
    """Returns whether a file that the index does not name should have been in it."""
    return not is_hidden(name) and name.lower().endswith(_IMAGE_ENDINGS)
