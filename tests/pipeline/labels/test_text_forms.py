"""Label files as editors and Windows leave them."""

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE, load_labels
from support.commands import ROOT

SYNSETS = b'n00000001\nn00000002\n'
METADATA = b'n00000001\tone\nn00000002\ttwo, zwei\n'


@pytest.fixture
def load(tmp_path):
    def load_files(synsets=SYNSETS, metadata=METADATA):
        (tmp_path / 'synsets').write_bytes(synsets)
        (tmp_path / 'metadata').write_bytes(metadata)
        return load_labels(str(tmp_path / 'synsets'), str(tmp_path / 'metadata'))

    return load_files


@pytest.mark.parametrize(
    'change',
    [
        lambda text: text.encode('utf-8-sig'),
        lambda text: text.replace('\n', '\r\n').encode(),
        lambda text: text.replace('\n', '\r\n').encode('utf-8-sig'),
        lambda text: text.removesuffix('\n').encode(),
        lambda text: (text + '\n').encode(),
        lambda text: (text + '\r\n \t\n\n').encode(),
    ],
    ids=['mark', 'CRLF', 'mark and CRLF', 'no end', 'blank', 'blanks'],
)
def test_load_labels_text_of_any_editor_gives_the_same_labels(load, change):
    expected = load()
    assert load(synsets=change(SYNSETS.decode())) == expected
    assert load(metadata=change(METADATA.decode())) == expected


def test_load_labels_case_with_byte_order_mark_is_taken():
    path = ROOT / 'tests' / 'cases' / 'labels_utf8_bom.txt'
    labels = load_labels(str(path), str(METADATA_FILE))
    assert labels == load_labels(str(SYNSETS_FILE), str(METADATA_FILE))


def test_load_labels_blank_line_in_the_middle_is_named(load, tmp_path):
    with pytest.raises(UserError) as raised:
        load(synsets=b'n00000001\n\nn00000002\n')
    assert str(raised.value) == (
        f'--labels_file {tmp_path}/synsets, line 2 is blank; remove it'
    )
    with pytest.raises(UserError, match='--imagenet_metadata_file .*, line 1 is blank'):
        load(metadata=b'\r\n' + METADATA)


@pytest.mark.parametrize('content', [b'', b'\xef\xbb\xbf', b'\n\n', b' \r\n'])
def test_load_labels_nothing_but_blank_lines_is_empty(load, content):
    with pytest.raises(UserError, match='is empty'):
        load(synsets=content)
