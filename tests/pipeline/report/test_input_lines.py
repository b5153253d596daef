import types

import pytest

from indexed_imagenet.report.input_lines import input_errors, notes, rejection_lines
from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from support.reports import build_id

JOB = types.SimpleNamespace(
    splits=[
        types.SimpleNamespace(
            name='train', directory='/in', shown='/in', build_id=build_id()
        )
    ],
    output_directory='/out',
)


def report(kind, count, cases):
    return InputReport(
        images={'train': 9},
        counts={('train', kind): count},
        examples={('train', kind): tuple(cases)},
    )


@pytest.mark.parametrize(
    ('kind', 'count', 'cases', 'line'),
    [
        (
            IssueKind.UNREADABLE,
            1,
            ['n1 (Permission denied)'],
            'train: /in has 1 folder that cannot be listed: n1 (Permission denied); make '
            'every folder readable',
        ),
        (
            IssueKind.UNKNOWN,
            7,
            ['a', 'b', 'c', 'd', 'e'],
            'train: /in has 7 images not in the index: a, b, c, d, e and 2 more; remove '
            'them, or give the index file that has them',
        ),
        (
            IssueKind.MISPLACED,
            1,
            ['n1/a (of class n2)'],
            "train: /in has 1 image in another class's folder: n1/a (of class n2); move "
            'each to the folder of its class',
        ),
        (
            IssueKind.DUPLICATE,
            1,
            ['n1/a'],
            'train: /in has 1 image more than once: a, n1/a (listed in '
            '/out/rejected-train.csv); keep one copy of each',
        ),
        (
            IssueKind.SHRUNK,
            3,
            ['9 now, 12 then'],
            'train: /in has 3 images fewer than the output directory was built from: 9 '
            'now, 12 then; give the directory that has them all, or rebuild without them '
            'with --overwrite',
        ),
    ],
)
def test_input_errors_each_blocking_issue_is_one_line(kind, count, cases, line):
    summaries = {
        'train': {'first_rejected': [{'path': 'a'}, {'path': 'n1/a'}], 'rejected': 2}
    }
    assert input_errors(report(kind, count, cases), summaries, JOB) == [line]


def test_input_errors_no_images_names_the_flag():
    assert input_errors(InputReport({'train': 0}, {}, {}), {}, JOB) == [
        'train: /in has no images in its class folders; check --train_directory'
    ]


def test_input_errors_good_report_has_none():
    assert input_errors(report(IssueKind.IGNORED, 1, ['notes.txt']), {}, JOB) == []


@pytest.mark.parametrize(
    ('count', 'cases', 'line'),
    [
        (
            1,
            ['x'],
            'ignored 1 file or folder that is neither in the index nor an image: x',
        ),
        (
            6,
            ['a', 'b', 'c', 'd', 'e'],
            'ignored 6 files or folders that are neither in the index nor images: a, b, '
            'c, d, e and 1 more',
        ),
    ],
)
def test_notes_ignored_files_are_counted(count, cases, line):
    ignored = report(IssueKind.IGNORED, count, cases)
    assert notes(ignored, {'missing': 0}, 'train', JOB) == [f'train: {line}']


@pytest.mark.parametrize(
    ('count', 'words'),
    [(1, '1 image of the index is'), (1200, '1,200 images of the index are')],
)
def test_notes_missing_images_are_counted(count, words):
    nothing = InputReport({'train': 9}, {}, {})
    assert notes(nothing, {'missing': count}, 'train', JOB) == [
        f'train: {words} missing; listed in /out/missing-train.csv'
    ]


def test_notes_images_with_warnings_are_counted():
    nothing = InputReport({'train': 9}, {}, {})
    [line] = notes(nothing, {'missing': 0, 'warnings': 2}, 'train', JOB)
    assert 'accepts 2 images with a warning, listed in /out/warnings-train.csv' in line


def test_notes_few_images_are_a_warning():
    few = InputReport({'train': 2}, {}, {})
    [line] = notes(few, {'missing': 0}, 'train', JOB)
    assert line.startswith('warning: train has 2 of the 6 images of the index; ')


@pytest.mark.parametrize(
    ('unreadable', 'present', 'effect'),
    [
        (
            0,
            3,
            '1 of 4 shards not written because of them; replace them and rerun the same '
            'command to build only those shards, or add --bad_images=skip to build '
            'without them',
        ),
        (
            1,
            3,
            '1 of 4 shards not written, because 1 image could not be read; make them '
            'readable and rerun the same command to build only those shards',
        ),
        (0, 4, 'skipped: the data set is marked as incomplete'),
    ],
)
def test_rejection_lines_name_each_image_and_the_effect(unreadable, present, effect):
    summary = {
        'first_rejected': [
            {'path': 'n1/a', 'index': 3, 'reason': 'empty: 0 bytes'},
            {'path': 'n1/b', 'index': 4, 'reason': 'cannot be read: a pipe'},
        ],
        'rejected': 2,
        'unreadable': unreadable,
        'fingerprint': 'f' * 64,
        'shards': 4,
        'shards_there': present,
    }
    assert rejection_lines(summary, 'train', '/in', '/out') == [
        'train: /in/n1/a (index 3): empty: 0 bytes; replace the file with a good copy',
        'train: /in/n1/b (index 4): cannot be read: a pipe; make the file readable',
        f'train: 2 images rejected, listed in /out/rejected-train.csv; {effect}',
    ]


def test_rejection_lines_nothing_rejected_is_empty():
    assert rejection_lines({'first_rejected': [], 'rejected': 0}, 'train', '', '') == []
