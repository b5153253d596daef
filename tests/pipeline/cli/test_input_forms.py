"""``build`` from every form in which people have the images."""

import pytest

from indexed_imagenet.cli.main import main
from support.commands import build_command, digests
from support.repack import FORMS, images_below, original_tars, tar_of


def shards(directory) -> dict[str, str]:
    return {name: d for name, d in digests(directory).items() if '-of-' in name}


@pytest.mark.parametrize('form', FORMS)
def test_build_from_each_form_gives_the_bytes_of_folders(
    run, build_outputs, form, golden, tmp_path
):
    flags = FORMS[form](tmp_path / 'in', golden)
    command = build_command(golden, tmp_path / 'out', *flags, '--direct_num_workers=1')
    ended = run(*command)
    assert ended.status == 0, ended.err
    assert shards(tmp_path / 'out') == build_outputs


@pytest.fixture(scope='module')
def build_outputs(golden, tmp_path_factory) -> dict[str, str]:
    """The digests of the shards that a build from folders makes."""
    output = tmp_path_factory.mktemp('folders') / 'out'
    assert main([*build_command(golden, output), '--direct_num_workers=1']) == 0
    return shards(output)


def test_build_from_a_cut_tar_says_where_and_writes_nothing(build, golden, tmp_path):
    flags = original_tars(tmp_path / 'in', golden)
    path = tmp_path / 'in/ILSVRC2012_img_train.tar'
    path.write_bytes(path.read_bytes()[:300_000])
    ended = build(*flags)
    assert ended.status == 1
    [line] = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    assert line.startswith(f'error: train: {path} has 1 fault in its archives: ')
    assert 'the archive ends at byte 300,000' in line
    assert not list((tmp_path / 'out').glob('train-*'))


def test_build_image_twice_in_archives_names_both_places(build, tree, tmp_path):
    files = images_below(tree / 'train')
    one = tar_of(tmp_path / 'one.tar', files)
    two = tar_of(tmp_path / 'two.tar', files[:1])
    ended = build(f'--train_directory={one}', f'--train_directory={two}')
    assert ended.status == 1
    name = files[0][0].rpartition('/')[2]
    assert f'one.tar/{name}' in ended.err
    assert f'two.tar/{name}' in ended.err


def test_build_rejected_member_is_named_by_its_place(build, tree, tmp_path):
    files = images_below(tree / 'train')
    files[0] = (files[0][0], files[0][1][:-50])
    path = tar_of(tmp_path / 'one.tar', files)
    ended = build(f'--train_directory={path}')
    assert ended.status == 1
    assert f'{path}/{files[0][0].rpartition("/")[2]} (index ' in ended.err
