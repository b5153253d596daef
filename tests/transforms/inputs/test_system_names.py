"""What file systems and desktops put among people's images."""

import pytest

from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from indexed_imagenet.transforms.inputs.folders import find_folders, list_images
from indexed_imagenet.transforms.inputs.names import is_system, looks_like_image

FOLDERS = [
    'lost+found',
    '@eaDir',
    '#recycle',
    '#snapshot',
    '@Recycle',
    '$RECYCLE.BIN',
    'RECYCLER',
    'System Volume Information',
    '__MACOSX',
    '.Trash-1000',
    '.snapshot',
    '.Spotlight-V100',
]


@pytest.mark.parametrize('name', [*FOLDERS, 'Thumbs.db', 'desktop.ini', '.DS_Store'])
def test_is_system_names_of_systems(name):
    assert is_system(name.encode())
    assert is_system(name.encode().lower())


@pytest.mark.parametrize('name', ['n01440764', 'found', 'recycle', 'a.JPEG', 'train'])
def test_is_system_other_names_are_not(name):
    assert not is_system(name.encode())


def test_looks_like_image_not_if_a_system_made_it():
    assert not looks_like_image(b'._a.JPEG')
    assert looks_like_image(b'a.JPEG')


def test_list_images_system_folders_are_ignored_and_named(tmp_path):
    for name in ['n01440764', *FOLDERS]:
        (tmp_path / name).mkdir()
    assert list(find_folders(str(tmp_path))) == [b'', b'n01440764']
    ignored, refs = list_images(str(tmp_path), b'', 'train')
    paths = [f'{name}/' for name in FOLDERS]
    assert ignored == InputReport.of('train', IssueKind.IGNORED, paths)
    assert refs == ImageRefs(b'', [])
