import hashlib
import zipfile

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels import load
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels

# As in the reference builder's distribution.
SHA256 = {
    SYNSETS_FILE: '70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15',
    METADATA_FILE: '5b8db22d2e2b0ad28b55c9c502eb45e018bc0c907524b8782958cca4805689ea',
}

DATA_NOUN = """\
  1 This software and database is being provided to you, the LICENSEE, by
00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 | that which is perceived
02119022 05 n 02 red_fox 0 Vulpes_vulpes 0 001 @ 02118333 n 0000 | a fox
"""


@pytest.mark.parametrize('path', SHA256, ids=lambda path: path.name)
def test_the_packaged_files_are_the_ones_that_the_recipe_makes(path):
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[path]


def test_the_recipe(tmp_path):
    wheel = tmp_path / 'timm.whl'
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.writestr('timm/data/_info/imagenet_synsets.txt', 'n02119022\n')
        archive.writestr(
            'timm/data/_info/imagenet22k_ms_synsets.txt', 'n02119022\nn00001740\n'
        )
    (tmp_path / 'data.noun').write_text(DATA_NOUN)
    load.make_label_files(str(wheel), str(tmp_path / 'data.noun'), str(tmp_path))
    assert (tmp_path / SYNSETS_FILE.name).read_text() == 'n02119022\n'
    assert (tmp_path / METADATA_FILE.name).read_text() == (
        'n00001740\tentity\nn02119022\tred fox, Vulpes vulpes\n'
    )


def test_the_packaged_labels():
    labels = load_labels(str(SYNSETS_FILE), str(METADATA_FILE))
    assert len(labels) == 1000
    assert labels[277] == (278, 'n02119022', 'red fox, Vulpes vulpes')


@pytest.mark.parametrize(
    ('synsets', 'metadata', 'message'),
    [
        ('', '', '--labels_file .* is empty'),
        ('n1\n', '', "line 1: 'n1' is no synset, expected a form like n01440764"),
        ('n00000001\nn00000001\n', '', 'line 2: .* already stands in line 1'),
        ('n00000001\n', 'n00000001 x\n', "line 1: 'n00000001 x' has no tab"),
        ('n00000001\n', 'n00000002\tx\n', 'has no line for n00000001'),
        (b'\xff\xfe', '', 'is not UTF-8'),
        (None, '', '--labels_file .* does not exist'),
        ('n00000001\n', None, '--imagenet_metadata_file .* does not exist'),
    ],
)
def test_says_what_is_wrong(tmp_path, synsets, metadata, message):
    paths = []
    for name, content in (('synsets', synsets), ('metadata', metadata)):
        paths.append(str(tmp_path / name))
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message) as raised:
        load_labels(*paths)
    assert raised.value.exit_status == 2
