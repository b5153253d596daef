"""Images whose names are almost those of the index."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.index_table import IndexTable
from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from indexed_imagenet.transforms.inputs import renamed
from indexed_imagenet.transforms.inputs.renamed import (
    find_renamed,
    name_difference,
    name_key,
)
from indexed_imagenet.transforms.join_index import join_refs

NFC = 'n01440764_é.JPEG'
NFD = unicodedata.normalize('NFD', NFC)
NAMES = ['n01440764_10026.JPEG', NFC, 'ILSVRC2012_val_00000293.JPEG']


def table_of(*names):
    encoded = np.array([name.encode() for name in names], 'S')
    return IndexTable.from_split(SplitIndex(encoded, np.zeros(len(names), np.int16)))


TABLE = table_of(*NAMES)


@pytest.mark.parametrize(
    ('name', 'original', 'difference'),
    [
        ('n01440764_10026.jpg', NAMES[0], 'ending'),
        ('n01440764_10026.JPG', NAMES[0], 'ending'),
        ('n01440764_10026.jpeg', NAMES[0], 'case'),
        ('N01440764_10026.JPEG', NAMES[0], 'case'),
        ('n01440764_10026_n01440764.JPEG', NAMES[0], 'appended synset'),
        ('n01440764_10026_N01440764.jpg', NAMES[0], 'ending, appended synset'),
        (NFD, NFC, 'Unicode form'),
        ('ilsvrc2012_val_00000293.jpg', NAMES[2], 'ending, case'),
        ('ILSVRC2012_val_00000293_n01440764.JPEG', NAMES[2], 'appended synset'),
    ],
)
def test_join_refs_other_spelling_is_taken_with_the_name_in_the_index(
    name, original, difference
):
    rows, issues = join_refs(
        ImageRefs(b'n01440764', [name.encode()]), TABLE, ['n01440764'], 'train'
    )
    assert rows['name'].tolist() == [original.encode()]
    assert rows['source'].tolist() == [b'n01440764/' + name.encode()]
    assert rows['index'].tolist() == [NAMES.index(original)]
    case = f'n01440764/{name} ({original} in the index; differs by {difference})'
    assert issues == [InputReport.of('train', IssueKind.RESPELLED, [case])]


@pytest.mark.parametrize(
    ('name', 'original', 'difference'),
    [
        ('n01440764_10026.webp', NAMES[0], 'ending'),
        ('n01440764_10026.png', NAMES[0], 'ending'),
        ('n01440764_10026', NAMES[0], 'ending'),
        ('ILSVRC2012_val_00000293_n02119022.JPEG', NAMES[2], 'appended synset'),
    ],
)
def test_join_refs_similar_name_is_reported_with_the_name_in_the_index(
    name, original, difference
):
    rows, issues = join_refs(
        ImageRefs(b'', [name.encode()]), TABLE, ['n01440764'], 'train'
    )
    assert len(rows) == 0
    case = f'{name} ({original} in the index; differs by {difference})'
    assert issues == [InputReport.of('train', IssueKind.RENAMED, [case])]


def test_join_refs_spelling_of_two_images_is_not_taken():
    table = table_of('a.JPEG', 'A.jpg', 'b.JPEG', 'b.png')
    files = ImageRefs(b'', [b'a.jpg', b'B.PNG'])
    rows, issues = join_refs(files, table, ['n01440764'], 'train')
    assert rows['name'].tolist() == [b'b.png']
    counts = {key: count for issue in issues for key, count in issue.counts.items()}
    assert counts == {
        ('train', IssueKind.RENAMED): 1,
        ('train', IssueKind.RESPELLED): 1,
    }


def test_join_refs_other_spelling_in_the_wrong_folder_is_misplaced():
    rows, issues = join_refs(
        ImageRefs(b'n02119022', [b'n01440764_10026.jpg']),
        TABLE,
        ['n01440764', 'n02119022'],
        'train',
    )
    assert len(rows) == 0
    assert ('train', IssueKind.MISPLACED) in issues[0].counts


def test_join_refs_many_other_spellings_are_counted_and_few_are_shown():
    names = [f'x{i:03}.JPEG' for i in range(100)]
    files = [name.encode().lower() for name in names]
    rows, [report] = join_refs(
        ImageRefs(b'', files), table_of(*names), ['n01440764'], 'train'
    )
    assert rows['name'].tolist() == [name.encode() for name in names]
    assert report.counts == {('train', IssueKind.RESPELLED): 100}
    assert len(report.examples['train', IssueKind.RESPELLED]) == 5


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('n01440764_10027.jpg', IssueKind.UNKNOWN),
        ('n01440764_1002.JPEG', IssueKind.UNKNOWN),
        ('n01440764_10026.xml', IssueKind.IGNORED),
        ('n01440764_10026.JPEG.txt', IssueKind.IGNORED),
        ('._n01440764_10026.JPEG', IssueKind.IGNORED),
        ('other.webp', IssueKind.IGNORED),
        ('README', IssueKind.IGNORED),
        ('.jpg', IssueKind.IGNORED),
    ],
)
def test_join_refs_other_name_is_unknown_or_ignored(name, kind):
    _, issues = join_refs(ImageRefs(b'', [name.encode()]), TABLE, ['n01440764'], 'train')
    assert issues == [InputReport.of('train', kind, [name])]


def test_join_refs_two_spellings_of_an_image_have_the_same_index():
    names = [b'n01440764_10026.JPEG', b'n01440764_10026.jpg']
    rows, _ = join_refs(ImageRefs(b'', names), TABLE, ['n01440764'], 'train')
    assert rows['index'].tolist() == [0, 0]
    assert rows['source'].tolist() == names


def test_join_refs_names_that_are_found_or_ignored_make_no_keys(monkeypatch):
    monkeypatch.setattr(renamed, '_Keys', None)
    names = [b'n01440764_10026.JPEG', b'README', b'boxes.xml', b'.cache', b'Thumbs.db']
    join_refs(ImageRefs(b'', names), table_of(*NAMES), ['n01440764'], 'train')


def test_renamed_blocks_the_build_and_respelled_does_not():
    images = {'train': 1}
    assert InputReport.of('train', IssueKind.RENAMED, ['a'], images).blocks_build
    assert not InputReport.of('train', IssueKind.RESPELLED, ['a'], images).blocks_build


@given(st.binary(max_size=40))
def test_name_key_any_bytes_make_a_key(name):
    assert isinstance(name_key(name), bytes)
    find_renamed(TABLE, [name], ['n01440764'])


@given(st.text(st.characters(codec='utf-8'), min_size=1, max_size=12))
def test_find_renamed_any_change_of_ending_is_found_and_named(stem):
    name = f'{stem}.JPEG'.encode().replace(b'\0', b'x')
    table = IndexTable.from_split(SplitIndex(np.array([name]), np.zeros(1, np.int16)))
    changed = name.removesuffix(b'.JPEG') + b'.jpg'
    _, similar = find_renamed(table, [changed], ['n01440764'])
    assert similar.tolist() == [0]
    assert name_difference(changed, name) == 'ending'
