import os

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.output.open_output import clean_staging, open_output
from indexed_imagenet.signals import Interrupt
from indexed_imagenet.transforms.formats import layout
from indexed_imagenet.transforms.formats.build_plan import BuildPlan, write_build_plan
from indexed_imagenet.transforms.storage.atomic import temporary_path
from support.reports import build_id

SHARD = 'train-00000-of-00003'


def touch(*paths):
    for path in paths:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w'):
            pass


def files_in(folder):
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()
    )


def test_open_output_new_directory_left_empty_is_removed(tmp_path):
    path = tmp_path / 'out'
    with open_output(str(path), Interrupt()):
        assert (path / '.build').is_dir()
        assert files_in(path) == []
    assert not path.exists()


def test_open_output_existing_directory_is_kept(tmp_path):
    with open_output(str(tmp_path), Interrupt()):
        pass
    assert tmp_path.exists()
    assert list(tmp_path.iterdir()) == []


def test_open_output_finished_files_are_kept_and_staging_is_cleaned(tmp_path):
    output = str(tmp_path)
    with open_output(output, Interrupt()):
        touch(str(tmp_path / SHARD), layout.summary_path(output, 'train'))
        touch(temporary_path(layout.staging_dir(output), 'x'))
    assert files_in(tmp_path) == [SHARD]
    assert not (tmp_path / '.build').exists()


def test_open_output_exception_cleans_staging_and_is_raised(tmp_path):
    with pytest.raises(KeyError), open_output(str(tmp_path), Interrupt()):
        touch(temporary_path(layout.staging_dir(str(tmp_path)), 'x'))
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_open_output_file_instead_of_directory_raises(tmp_path):
    path = tmp_path / 'out'
    path.touch()
    with (
        pytest.raises(UserError, match=r'out is a file \(expected a directory\)'),
        open_output(str(path), Interrupt()),
    ):
        pass


def test_open_output_refused_write_raises_with_remedy(tmp_path, monkeypatch):
    from indexed_imagenet.output import open_output as module

    def refuse(path):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(module.storage, 'create', refuse)
    with (
        pytest.raises(UserError, match='cannot be written: No space left on device; cho'),
        open_output(str(tmp_path), Interrupt()),
    ):
        pass


def test_open_output_second_build_raises(tmp_path):
    with (
        open_output(str(tmp_path), Interrupt()),
        pytest.raises(UserError, match='another build'),
        open_output(str(tmp_path), Interrupt()),
    ):
        pass


def test_clean_staging_unfinished_split_keeps_plan_and_entries(tmp_path):
    output = str(tmp_path)
    write_build_plan(BuildPlan(build_id(), 6), output)
    entry = layout.shard_info_path(output, 'train', SHARD)
    plan = layout.build_plan_path(output, 'train')
    touch(entry, layout.summary_path(output, 'train'), layout.input_report_path(output))
    clean_staging(output)
    assert files_in(tmp_path) == sorted(
        os.path.relpath(path, output) for path in (entry, plan)
    )


def test_clean_staging_plan_without_shards_is_deleted(tmp_path):
    write_build_plan(BuildPlan(build_id(), 6), str(tmp_path))
    clean_staging(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_clean_staging_plan_with_shard_is_kept(tmp_path):
    write_build_plan(BuildPlan(build_id(), 6), str(tmp_path))
    touch(str(tmp_path / SHARD))
    clean_staging(str(tmp_path))
    assert files_in(tmp_path) == ['.build/train/identity.json', SHARD]


def test_clean_staging_split_with_manifest_is_deleted(tmp_path):
    output = str(tmp_path)
    touch(layout.shard_info_path(output, 'train', SHARD))
    touch(layout.manifest_path(output, 'train'))
    clean_staging(output)
    assert files_in(tmp_path) == ['train.json']


def test_clean_staging_unknown_files_are_kept(tmp_path):
    touch(str(tmp_path / '.build' / 'notes.txt'))
    clean_staging(str(tmp_path))
    assert files_in(tmp_path) == ['.build/notes.txt']


def test_clean_staging_missing_directory_is_not_an_error(tmp_path):
    clean_staging(str(tmp_path / 'none'))
    assert list(tmp_path.iterdir()) == []
