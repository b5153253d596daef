import hashlib

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels

# As in the reference builder's distribution.
SHA256 = {
    SYNSETS_FILE: '70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15',
    METADATA_FILE: '5b8db22d2e2b0ad28b55c9c502eb45e018bc0c907524b8782958cca4805689ea',
}


@pytest.mark.parametrize('path', SHA256, ids=lambda path: path.name)
def test_packaged_file_has_the_published_digest(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == SHA256[path]
    assert digest in (path.parent / 'README.md').read_text()


def test_load_labels_packaged_files_have_1000_labels_from_1():
    labels = load_labels(str(SYNSETS_FILE), str(METADATA_FILE))
    assert len(labels) == 1000
    assert labels[277] == (278, 'n02119022', 'red fox, Vulpes vulpes')


@pytest.mark.parametrize(
    ('synsets', 'metadata', 'message'),
    [
        ('', '', r'--labels_file .* is empty \(expected one synset ID per line\)'),
        ('n1\n', '', r"line 1: 'n1' is not a synset ID \(expected e.g. n01440764\)"),
        ('n00000001\nn00000001\n', '', 'line 2: .* repeats line 1; remove one'),
        ('n00000001\n', 'n00000001 x\n', "line 1: 'n00000001 x' has no tab"),
        ('n00000001\n', 'n00000002\tx\n', 'has no line for n00000001'),
        (b'\xff\xfe', '', 'is not UTF-8'),
        (None, '', '--labels_file .* does not exist'),
        ('n00000001\n', None, '--imagenet_metadata_file .* does not exist'),
    ],
)
def test_load_labels_bad_file_names_flag_and_line(tmp_path, synsets, metadata, message):
    paths = []
    for name, content in (('synsets', synsets), ('metadata', metadata)):
        paths.append(str(tmp_path / name))
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message) as raised:
        load_labels(*paths)
    assert raised.value.exit_status == 2
