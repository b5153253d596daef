import os

from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from indexed_imagenet.transforms.inputs import folders
from indexed_imagenet.transforms.inputs.folders import find_folders, list_images


def test_find_folders_omits_hidden_folders_and_files(tmp_path):
    for name in ('n2', 'n1', '.cache'):
        (tmp_path / name).mkdir()
    (tmp_path / 'flat.JPEG').touch()
    (tmp_path / 'n3').symlink_to(tmp_path / 'n1', target_is_directory=True)
    assert list(find_folders(str(tmp_path))) == [b'', b'n1', b'n2', b'n3']


def test_list_images_large_folder_yields_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, 'BATCH_NAMES', 3)
    names = {b'%d.JPEG' % i for i in range(8)}
    for name in names:
        (tmp_path / name.decode()).touch()
    batches = list(list_images(str(tmp_path), b'', 'train'))
    assert batches[0] == ImageRefs(b'', [])
    assert [len(batch.names) for batch in batches[1:]] == [3, 3, 2]
    assert {name for batch in batches for name in batch.names} == names


def test_list_images_unreadable_folder_reports_it(tmp_path):
    found = list(list_images(str(tmp_path), b'none', 'train'))
    case = 'none (No such file or directory)'
    assert found == [InputReport.of('train', IssueKind.UNREADABLE, [case])]


def test_list_images_unreadable_directory_still_yields_one_batch(tmp_path):
    found = list(list_images(str(tmp_path / 'none'), b'', 'train'))
    case = '. (No such file or directory)'
    report = InputReport.of('train', IssueKind.UNREADABLE, [case])
    assert found == [report, ImageRefs(b'', [])]


def test_list_images_folders_in_class_folder_are_ignored(tmp_path):
    (tmp_path / 'n1' / 'in').mkdir(parents=True)
    (tmp_path / 'n1' / 'a.JPEG').touch()
    assert list(list_images(str(tmp_path), b'n1', 'train')) == [
        InputReport.of('train', IssueKind.IGNORED, ['n1/in/']),
        ImageRefs(b'n1', [b'a.JPEG']),
    ]


def test_list_images_name_that_is_no_text_is_listed(tmp_path):
    folder = os.fsencode(tmp_path) + b'/n\xff'
    os.mkdir(folder)
    with open(folder + b'/a.JPEG', 'wb'):
        pass
    assert list(find_folders(str(tmp_path))) == [b'', b'n\xff']
    assert list(list_images(str(tmp_path), b'n\xff', 'train')) == [
        ImageRefs(b'n\xff', [b'a.JPEG'])
    ]
