"""Index files that promise more than they hold, a few kilobytes each."""

import io
import struct
import zipfile

import numpy as np

NUM_NAMES = 1000

# The beginning of numpy's pickle of an array of names in protocol 2, up to the list.
_HEAD = (
    b'\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85'
    b'q\x02C\x01bq\x03\x87q\x04Rq\x05(K\x01M\xe8\x03\x85q\x06cnumpy\ndtype\nq\x07'
    b'X\x02\x00\x00\x00O8q\x08\x89\x88\x87q\tRq\n(K\x03X\x01\x00\x00\x00|q\x0bNNN'
    b'J\xff\xff\xff\xffJ\xff\xff\xff\xffK?tq\x0cb\x89'
)
_TAIL = b'tb.'


def npy(descr: str, shape: str, content: bytes, version: int = 1) -> bytes:
    """An npy file with a header that may lie."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n"
    length = struct.pack('<H' if version == 1 else '<I', len(header))
    magic = b'\x93NUMPY' + bytes([version, 0])
    return magic + length + header.encode() + content


def npz(names: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    """An npz file with these names and plain labels."""
    labels = io.BytesIO()
    np.save(labels, np.zeros(NUM_NAMES, np.int16))
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as archive:
        archive.writestr('tr_filenames.npy', names)
        archive.writestr('tr_labels.npy', labels.getvalue())
    return bytearray(out.getvalue())


def _pickled(body: bytes) -> bytearray:
    return npz(npy('|O', f'({NUM_NAMES},)', _HEAD + body))


def _with_member_size(content: bytearray, size: int) -> bytearray:
    """The file, its first member said to unpack to another size."""
    struct.pack_into('<I', content, content.index(b'PK\1\2') + 24, size)
    struct.pack_into('<I', content, 22, size)
    return content


def _zip64_directory() -> bytearray:
    content = npz(npy('|S4', f'({NUM_NAMES},)', bytes(4 * NUM_NAMES)))
    end = content.index(b'PK\5\6')
    record = struct.pack('<4sQ2H2L4Q', b'PK\6\6', 44, 45, 45, 0, 0, 2, 2, 1 << 31, 0)
    locator = struct.pack('<4sLQL', b'PK\6\7', 0, end, 1)
    return content[:end] + record + locator + content[end:]


def _wide_directory() -> bytearray:
    """A list of 40,000 members without content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as archive:
        for number in range(40_000):
            archive.writestr(f'{number}.npy', b'')
    return bytearray(out.getvalue())


def hostile_files(size: int) -> dict[str, bytes]:
    """Files that ask for an amount of memory, by what they do."""
    flat = npy('|S1', f'({size},)', b'a' * size)
    short = b''.join(b'C\x01a' for _ in range(NUM_NAMES - 1))
    long = b'B' + struct.pack('<I', size // 100) + b'a' * (size // 100)
    return {
        'memo': _pickled(b']r' + struct.pack('<I', size // 16) + b'.'),
        'memo of protocol 0': _pickled(b']p%d\n.' % (size // 16)),
        'sets': _pickled(b'\x8f' * (size // 200)),
        'lists': _pickled(b']' * (size // 60)),
        'dicts': _pickled(b'}' * (size // 60)),
        'marks': _pickled(b'(' * (size // 8)),
        'nested tuples': _pickled(b')' + b'\x85' * (size // 60)),
        'stack': _pickled(b'N' * (size // 8)),
        'memoized': _pickled(b'N' + b'\x94' * (size // 8)),
        'memoized names': _pickled(b'](' + b'C\x02ab\x94e(' * (size // 60)),
        'too many names': _pickled(b'](' + b'C\x02abe(' * (size // 60)),
        'digits': _pickled(b'I' + b'9' * (size // 8) + b'\n'),
        'one long name': _pickled(b'](' + short + long + b'e' + _TAIL),
        'length of a name': _pickled(b'](\x8e' + struct.pack('<Q', size) + b'ab'),
        'version 2 header': npz(
            b'\x93NUMPY\2\0' + struct.pack('<I', size) + b' ' * (size // 8)
        ),
        'nested header': npz(npy('|S1', '(' * 4000, b'')),
        'shape': npz(npy('<f8', f'({size},)', b'')),
        'negative shape': npz(npy('<f8', f'(-1, {-size})', b'')),
        'width': npz(npy(f'|S{size}', '(0,)', b'')),
        'width of text': npz(npy(f'<U{size // 4}', f'({NUM_NAMES},)', b'')),
        'member': _with_member_size(
            npz(npy('|S4', f'({NUM_NAMES},)', bytes(4 * NUM_NAMES))), size
        ),
        'member that says less': _with_member_size(npz(flat), 4096),
        'bzip2': npz(flat, zipfile.ZIP_BZIP2),
        'lzma': npz(flat, zipfile.ZIP_LZMA),
        'zip64': _zip64_directory(),
        'wide directory': _wide_directory(),
    }
