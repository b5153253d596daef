"""The files of the wheel."""

import csv
import pathlib
import zipfile

import pytest

from support.commands import ROOT

PACKAGE = 'indexed_imagenet'


@pytest.fixture(scope='module')
def archive(wheel):
    with zipfile.ZipFile(wheel) as archive:
        yield archive


@pytest.fixture(scope='module')
def packaged(archive) -> set[str]:
    """The files that the wheel's RECORD lists, without its metadata."""
    [record] = [name for name in archive.namelist() if name.endswith('.dist-info/RECORD')]
    rows = csv.reader(archive.read(record).decode().splitlines())
    metadata = str(pathlib.PurePath(record).parent) + '/'
    return {row[0] for row in rows if not row[0].startswith(metadata)}


@pytest.fixture(scope='module')
def expected(source_files) -> dict[str, pathlib.Path]:
    """The files below both folders, by their names in the wheel."""
    names = {}
    for path in source_files:
        folder, *rest = path.parts
        if not rest or path.suffix == '.sh' or path.name == 'README.md':
            continue
        package = {'pipeline': [PACKAGE], 'transforms': [PACKAGE, 'transforms']}[folder]
        names['/'.join([*package, *rest])] = ROOT / path
    return names


def test_wheel_files_equal_those_in_git(archive, packaged, expected):
    assert packaged == set(expected)
    for name, path in expected.items():
        assert archive.read(name) == path.read_bytes(), name


def test_wheel_has_labels_and_type_marker(packaged):
    for name in (
        'py.typed',
        'labels/imagenet_lsvrc_2015_synsets.txt',
        'labels/imagenet_metadata.txt',
        'labels/LICENSE-WordNet.txt',
    ):
        assert f'{PACKAGE}/{name}' in packaged


def test_wheel_has_one_top_level_package(archive):
    tops = {name.partition('/')[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith('.dist-info')} == {PACKAGE}
    [listed] = [name for name in archive.namelist() if name.endswith('/top_level.txt')]
    assert archive.read(listed).decode().split() == [PACKAGE]
