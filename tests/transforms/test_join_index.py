import numpy as np

from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.formats.index_file import SplitIndex
from indexed_imagenet.transforms.index_table import IndexTable
from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from indexed_imagenet.transforms.join_index import join_refs
from indexed_imagenet.transforms.rows import WHOLE, Row, each_row

SYNSETS = ['n01440764', 'n02119022']
TABLE = IndexTable.from_split(
    SplitIndex(
        np.array([b'n02119022_5.JPEG', b'n01440764_1.JPEG', b'no_ending']),
        np.array([1, 0, 0], np.int16),
    )
)


def join(folder, *names):
    rows, issues = join_refs(ImageRefs(folder, list(names)), TABLE, SYNSETS, 'train')
    return list(each_row(rows)), issues


def test_join_refs_known_names_get_index_and_label():
    rows, issues = join(b'n01440764', b'n01440764_1.JPEG', b'no_ending')
    assert rows == [
        Row(1, 0, 0, WHOLE, b'n01440764/n01440764_1.JPEG', b'n01440764_1.JPEG'),
        Row(2, 0, 0, WHOLE, b'n01440764/no_ending', b'no_ending'),
    ]
    assert issues == []


def test_join_refs_flat_image_gets_row():
    rows, issues = join(b'', b'n02119022_5.JPEG')
    assert rows == [Row(0, 1, 0, WHOLE, b'n02119022_5.JPEG', b'n02119022_5.JPEG')]
    assert issues == []


def test_join_refs_reports_unknown_misplaced_and_ignored():
    rows, issues = join(
        b'n01440764',
        b'n02119022_5.JPEG',
        b'new.JPEG',
        b'README',
        b'._x.JPEG',
        b'bad\xff.png',
    )
    assert rows == []
    assert issues == [
        InputReport.of(
            'train', IssueKind.UNKNOWN, ['n01440764/bad\\xff.png', 'n01440764/new.JPEG']
        ),
        InputReport.of(
            'train',
            IssueKind.MISPLACED,
            ['n01440764/n02119022_5.JPEG (of class n02119022)'],
        ),
        InputReport.of(
            'train', IssueKind.IGNORED, ['n01440764/._x.JPEG', 'n01440764/README']
        ),
    ]


def test_join_refs_empty_folder_gives_no_rows_and_no_issues():
    assert join(b'') == ([], [])
