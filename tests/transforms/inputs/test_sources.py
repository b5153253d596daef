import re

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.transforms.inputs.sources import Form, Source, find_sources
from support import fake_store
from support.repack import tar_of, zip_of

IMAGES = [('a.JPEG', b'a')]


def found(*paths):
    return find_sources([str(path) for path in paths], 'train_directory')


def refused(*paths) -> str:
    with pytest.raises(UserError) as raised:
        found(*paths)
    assert '\n' not in str(raised.value)
    return str(raised.value)


def test_find_sources_folder_is_its_own_directory(tmp_path):
    sources = found(tmp_path)
    assert sources.sources == (Source(Form.FOLDER, b''),)
    assert (sources.directory, sources.description) == (str(tmp_path), 'folder')


def test_find_sources_archive_is_recognised_by_ending_or_content(tmp_path):
    for path, form in (
        (tar_of(tmp_path / 'a.tar', IMAGES), Form.TAR),
        (tar_of(tmp_path / 'no_ending', IMAGES), Form.TAR),
        (zip_of(tmp_path / 'a.ZIP', IMAGES), Form.ZIP),
        (zip_of(tmp_path / 'archive', IMAGES), Form.ZIP),
    ):
        sources = found(path)
        assert sources.sources == (Source(form, path.name.encode()),)
        assert sources.directory == str(tmp_path)
        assert sources.paths() == [str(path)]


def test_find_sources_several_places_are_relative_to_what_they_share(tmp_path):
    one = tar_of(tmp_path / 'x/y/a.tar', IMAGES)
    two = tar_of(tmp_path / 'x/b.tar', IMAGES)
    sources = found(one, two)
    assert sources.directory == str(tmp_path / 'x')
    assert [source.path for source in sources.sources] == [b'y/a.tar', b'b.tar']
    assert sources.description == '2 tar files'
    assert sources.shown == f'{one} and 1 more'


def test_find_sources_existing_path_is_no_glob(tmp_path):
    strange = tar_of(tmp_path / 'a[1]*.tar', IMAGES)
    tar_of(tmp_path / 'a1.tar', IMAGES)
    assert found(strange).paths() == [str(strange)]


def test_find_sources_glob_is_sorted_and_counted(tmp_path):
    paths = [tar_of(tmp_path / f'n{i}.tar', IMAGES) for i in (2, 10, 1)]
    tar_of(tmp_path / '._n1.tar', IMAGES)
    pattern = f'{tmp_path}/*n*.tar'
    sources = found(pattern)
    assert sources.paths() == sorted(map(str, paths))
    assert sources.description == f'3 tar files, {pattern} matches 3'


def test_find_sources_folder_of_archives_is_its_archives(tmp_path):
    for name in ('n01739381.tar', 'n02086079.tar', '.hidden.tar', 'README'):
        tar_of(tmp_path / name, IMAGES)
    sources = found(tmp_path)
    assert [s.path for s in sources.sources] == [b'n01739381.tar', b'n02086079.tar']


def test_find_sources_glob_without_match_is_refused(tmp_path):
    assert 'nothing matches' in refused(f'{tmp_path}/*.tar')
    assert 'no such directory or file' in refused(f'{tmp_path}/none.tar')


def test_find_sources_archives_next_to_folders_or_images_are_refused(tmp_path):
    tar_of(tmp_path / 'n01739381.tar', IMAGES)
    (tmp_path / 'n01739381').mkdir()
    assert refused(tmp_path) == (
        f"--train_directory {tmp_path} holds 1 archive, first 'n01739381.tar', next to "
        "folders or images, first 'n01739381'; move one of the two kinds elsewhere"
    )


def test_find_sources_archive_given_twice_is_refused(tmp_path):
    path = tar_of(tmp_path / 'a.tar', IMAGES)
    (tmp_path / 'link.tar').symlink_to(path)
    assert refused(path, path) == f'--train_directory names {path} twice; give it once'
    assert f'(which is {path}) twice' in refused(path, tmp_path / 'link.tar')


def test_find_sources_mixed_forms_are_refused(tmp_path):
    tar = tar_of(tmp_path / 'a.tar', IMAGES)
    packed = zip_of(tmp_path / 'b.zip', IMAGES)
    assert f'{tar} is a tar, {packed} a zip; give one form' in refused(tar, packed)


@pytest.mark.parametrize('name', ['a.tar.gz', 'a.tgz', 'a.parquet', 'x.txt', 'i.npz'])
def test_find_sources_other_files_are_refused_with_a_remedy(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b'x')
    line = refused(path)
    assert re.search(r'gunzip|image\.bytes|expected a directory, tar or zip', line)


def test_find_sources_link_loop_is_refused(tmp_path):
    (tmp_path / 'loop').symlink_to('loop')
    assert 'loop is a link that leads nowhere or to itself' in refused(tmp_path / 'loop')


def test_find_sources_in_a_store_takes_files_folders_and_globs(monkeypatch):
    objects = {
        'store://bucket/in/n1.tar': b'x' * 512,
        'store://bucket/in/n2.tar': b'x' * 512,
        'store://bucket/train/n1/a.JPEG': b'a',
    }
    monkeypatch.setattr(fake_store.StoreFileSystem, 'objects', objects)
    sources = found('store://bucket/in/n*.tar')
    assert sources.directory == 'store://bucket/in'
    assert [source.path for source in sources.sources] == [b'n1.tar', b'n2.tar']
    assert found('store://bucket/in/n1.tar').paths() == ['store://bucket/in/n1.tar']
    assert found('store://bucket/train').form == Form.FOLDER


def test_find_sources_in_a_store_and_on_this_machine_is_refused(tmp_path, monkeypatch):
    objects = {'store://bucket/in/n1.tar': b'x' * 512}
    monkeypatch.setattr(fake_store.StoreFileSystem, 'objects', objects)
    path = tar_of(tmp_path / 'a.tar', IMAGES)
    line = refused('store://bucket/in/n1.tar', path)
    assert 'expected all on this machine or all in one bucket' in line
