"""What people give in place of a split's directory, and how it is met."""

import shutil

import pytest

from support.commands import build_command, refusal


@pytest.fixture
def refused(tree, tmp_path):
    """The error of a build of ``tree``, some of its flags replaced."""

    def refuse(**flags) -> str:
        more = [f'--{flag}={value}' for flag, value in flags.items()]
        return refusal(*build_command(tree, tmp_path / 'out', *more)[1:])

    return refuse


@pytest.mark.parametrize(
    ('given', 'below'),
    [
        ('CLS-LOC', 'train'),
        ('Data', 'CLS-LOC/train'),
        ('ILSVRC', 'Data/CLS-LOC/train'),
        ('', 'ILSVRC/Data/CLS-LOC/train'),
    ],
)
def test_train_directory_levels_too_high_suggests_the_one_meant(
    refused, tree, tmp_path, given, below
):
    images = tmp_path / 'images' / 'ILSVRC/Data/CLS-LOC'
    shutil.copytree(tree / 'train', images / 'train')
    (images / 'test').mkdir()
    [directory] = [
        path
        for path in [tmp_path / 'images', *images.parents, images]
        if path.name == (given or 'images')
    ][:1]
    assert refused(train_directory=directory).endswith(
        f'; did you mean {directory / below}?'
    )


def test_validation_directory_level_too_high_suggests_flat_images(
    refused, tree, tmp_path
):
    (tmp_path / 'images/val').mkdir(parents=True)
    for image in (tree / 'validation').rglob('*.JPEG'):
        shutil.copy(image, tmp_path / 'images/val')
    assert refused(validation_directory=tmp_path / 'images').endswith(
        f'; did you mean {tmp_path}/images/val?'
    )


def test_directory_with_one_foreign_folder_keeps_its_remedy(refused, tree):
    (tree / 'train/train').mkdir()
    assert 'move other folders out of it' in refused()


def test_exchanged_directories_are_recognised(refused, tree):
    line = refused(
        train_directory=tree / 'validation', validation_directory=tree / 'train'
    )
    assert line == (
        f'--train_directory {tree}/validation holds images of the other split: '
        "'ILSVRC2012_val_00000009.JPEG' is in the index of validation; exchange "
        '--train_directory and --validation_directory'
    )


def test_other_splits_directory_alone_is_recognised(tree, tmp_path):
    line = refusal(
        f'--validation_directory={tree}/train',
        f'--imagenet_index_file={tree}/imagenet_index.npz',
        f'--output_directory={tmp_path}/out',
        '--validation_shards=3',
    )
    assert line.endswith('is in the index of train; give it as --train_directory')


def test_exchanged_flat_directory_is_recognised(refused, tree, tmp_path):
    (tmp_path / 'flat').mkdir()
    for image in (tree / 'validation').rglob('*.JPEG'):
        shutil.copy(image, tmp_path / 'flat')
    assert 'is in the index of validation; ' in refused(train_directory=tmp_path / 'flat')
