"""What a file's name says: whether it is a system's own, and whether it looks like an
image's."""

_IMAGE_ENDINGS = (b'.jpeg', b'.jpg', b'.png')

# Folders and files, in lower case, that systems put among people's own: Linux (ext4),
# Synology and QNAP, Windows, macOS (also in archives and on disks of others).
_SYSTEM_NAMES = frozenset(
    {
        b'lost+found',
        b'#recycle',
        b'#snapshot',
        b'@eadir',
        b'@recently-snapshot',
        b'@recycle',
        b'@sharebin',
        b'@tmp',
        b'~snapshot',
        b'$recycle.bin',
        b'recycle.bin',
        b'recycler',
        b'system volume information',
        b'desktop.ini',
        b'ehthumbs.db',
        b'thumbs.db',
        b'__macosx',
        b'network trash folder',
        b'temporary items',
        b'icon\r',
    }
)


def is_system(name: bytes) -> bool:
    """Returns whether file systems and desktops keep a name for themselves.

    So it is with hidden names (``.Trash-1000``, ``.snapshot``, ``._x.JPEG``), and with
    some that are not hidden (``lost+found``, ``@eaDir``).
    """
    return name.startswith(b'.') or name.lower() in _SYSTEM_NAMES


def looks_like_image(name: bytes) -> bool:
    """Returns whether a file that the index does not name should have been in it."""
    return not is_system(name) and name.lower().endswith(_IMAGE_ENDINGS)
