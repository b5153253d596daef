import os
import stat

import pytest

from indexed_imagenet.transforms import storage


@pytest.fixture
def folder(tmp_path):
    """A folder with two files, a folder, and links of every kind."""
    (tmp_path / 'a').write_bytes(b'0123456789')
    (tmp_path / 'empty').touch()
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'sub' / 'deep').write_bytes(b'x')
    (tmp_path / 'to_file').symlink_to(tmp_path / 'a')
    (tmp_path / 'to_folder').symlink_to(tmp_path / 'sub')
    (tmp_path / 'broken').symlink_to(tmp_path / 'none')
    (tmp_path / 'loop').symlink_to(tmp_path / 'loop')
    return str(tmp_path)


def test_list_folder_links_to_folders_are_folders_and_broken_links_files(folder):
    listing = storage.list_folder(folder)
    assert sorted(listing.folders) == [b'sub', b'to_folder']
    assert sorted(listing.files) == [b'a', b'broken', b'empty', b'loop', b'to_file']


def test_list_folder_name_that_is_not_utf8_is_listed_as_bytes(tmp_path):
    with open(os.path.join(os.fsencode(tmp_path), b'a\xff'), 'wb'):
        pass
    assert storage.list_folder(str(tmp_path)).files == [b'a\xff']


@pytest.mark.parametrize(
    ('name', 'error'), [('none', FileNotFoundError), ('a', NotADirectoryError)]
)
def test_list_folder_missing_or_file_raises(folder, name, error):
    with pytest.raises(error):
        storage.list_folder(os.path.join(folder, name))


@pytest.mark.parametrize(
    ('offset', 'length', 'expected'),
    [
        (0, -1, b'0123456789'),
        (3, -1, b'3456789'),
        (0, 4, b'0123'),
        (3, 4, b'3456'),
        (8, 4, b'89'),
        (20, 4, b''),
        (0, 0, b''),
    ],
)
def test_read_bytes_offset_and_length_select_a_part(folder, offset, length, expected):
    assert storage.read_bytes(os.path.join(folder, 'a'), offset, length) == expected


def test_read_missing_file_raises(tmp_path):
    for read in (storage.read_bytes, storage.open_seekable, storage.open_stream):
        with pytest.raises(FileNotFoundError):
            read(str(tmp_path / 'none'))


def test_open_stream_returns_file_and_size(folder):
    file, size = storage.open_stream(os.path.join(folder, 'a'))
    with file:
        assert (size, file.read()) == (10, b'0123456789')


def test_open_seekable_reads_at_any_place(folder):
    with storage.open_seekable(os.path.join(folder, 'a')) as file:
        file.seek(-2, os.SEEK_END)
        assert file.read() == b'89'


def test_size_missing_is_none(folder):
    assert storage.size(os.path.join(folder, 'a')) == 10
    assert storage.size(os.path.join(folder, 'empty')) == 0
    assert storage.size(os.path.join(folder, 'none')) is None
    assert storage.size(os.path.join(folder, 'a', 'below_a_file')) is None
    assert storage.size(os.path.join(folder, 'broken')) is None


def test_sizes_are_of_files_only(folder):
    assert storage.sizes(folder) == {'a': 10, 'empty': 0, 'to_file': 10}


def test_rename_replaces_the_target(folder):
    source, target = os.path.join(folder, 'empty'), os.path.join(folder, 'a')
    storage.rename(source, target)
    assert storage.size(target) == 0
    assert storage.size(source) is None


def test_rename_missing_source_raises_and_keeps_target(folder):
    target = os.path.join(folder, 'a')
    with pytest.raises(FileNotFoundError):
        storage.rename(os.path.join(folder, 'none'), target)
    assert storage.size(target) == 10


def test_delete_missing_file_is_not_an_error(folder):
    path = os.path.join(folder, 'a')
    storage.delete(path)
    assert storage.size(path) is None
    storage.delete(path)


def test_delete_folder_raises_and_keeps_it(folder):
    with pytest.raises(OSError):
        storage.delete(os.path.join(folder, 'sub'))
    assert storage.exists(os.path.join(folder, 'sub'))


def test_delete_folder_removes_content_and_missing_is_not_an_error(folder):
    path = os.path.join(folder, 'sub')
    storage.delete_folder(path)
    assert not storage.exists(path)
    storage.delete_folder(path)


def test_make_folder_makes_parents_and_existing_is_not_an_error(tmp_path):
    path = str(tmp_path / 'x' / 'y')
    storage.make_folder(path)
    storage.make_folder(path)
    assert os.path.isdir(path)


def test_remove_empty_folder_other_than_empty_is_kept(tmp_path):
    path = tmp_path / 'x'
    (path / 'y').mkdir(parents=True)
    storage.remove_empty_folder(str(path))
    assert path.exists()
    storage.remove_empty_folder(str(path / 'y'))
    storage.remove_empty_folder(str(path))
    assert not path.exists()
    storage.remove_empty_folder(str(path))


def test_exists_and_is_file_tell_files_from_folders(folder):
    path = os.path.join(folder, 'a')
    assert storage.exists(folder) and storage.exists(path)
    assert not storage.exists(os.path.join(folder, 'none'))
    assert storage.is_file(path) and not storage.is_file(folder)


def test_absolute_relative_path_and_home_are_resolved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', '/home/someone')
    assert storage.absolute('x/../y') == str(tmp_path / 'y')
    assert storage.absolute('~/out') == '/home/someone/out'


def test_create_existing_file_raises_and_keeps_it(folder):
    path = os.path.join(folder, 'a')
    with pytest.raises(FileExistsError):
        storage.create(path)
    assert storage.read_bytes(path) == b'0123456789'


def test_writer_appends_parts_in_order(tmp_path):
    path = tmp_path / 'x'
    with storage.create(str(path)) as file:
        file.write_parts([b'one', memoryview(b'two'), b''])
        assert file.write(b'three') == 5
        file.fsync()
    assert path.read_bytes() == b'onetwothree'
    assert stat.S_IMODE(path.stat().st_mode) & 0o111 == 0


def test_writer_aborted_by_exception_closes_and_leaves_the_unfinished_file(tmp_path):
    """The caller deletes it, as ``atomic_open`` does."""
    before = os.listdir('/proc/self/fd')
    with pytest.raises(KeyError), storage.create(str(tmp_path / 'x')) as file:
        file.write(b'one')
        raise KeyError
    assert os.listdir('/proc/self/fd') == before
    assert (tmp_path / 'x').read_bytes() == b'one'


def test_writer_closed_or_aborted_again_is_not_an_error(tmp_path):
    file = storage.create(str(tmp_path / 'x'))
    file.close()
    file.close()
    file.abort()
    with pytest.raises(OSError):
        file.write(b'late')


def test_open_folder_returns_a_descriptor(tmp_path):
    fd = storage.open_folder(str(tmp_path))
    try:
        assert os.path.samestat(os.fstat(fd), os.stat(tmp_path))
    finally:
        os.close(fd)


def test_fsync_dir_leaves_no_descriptor_and_ignores_refusal(tmp_path, monkeypatch):
    synced = []

    def refuse(fd):
        synced.append(os.readlink(f'/proc/self/fd/{fd}'))
        raise OSError(22, 'Invalid argument')

    monkeypatch.setattr(os, 'fsync', refuse)
    before = os.listdir('/proc/self/fd')
    storage.fsync_dir(str(tmp_path))
    assert os.listdir('/proc/self/fd') == before
    assert synced == [str(tmp_path)]
