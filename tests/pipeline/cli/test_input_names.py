"""Folders and names that people's copies of ImageNet have."""

import json

from support.commands import digests

FOLDERS = ['lost+found', '@eaDir', '$RECYCLE.BIN', 'System Volume Information']


def test_build_system_folders_and_files_are_ignored_counted_and_named(
    build, tree, tmp_path
):
    for name in FOLDERS:
        (tree / 'train' / name).mkdir()
        (tree / 'train' / name / 'n01440764_1.JPEG').touch()
    (tree / 'train' / 'Thumbs.db').touch()
    ended = build()
    assert ended.status == 0, ended.err
    [line] = [line for line in ended.err.splitlines() if 'ignored' in line]
    assert 'train: ignored 5 files or folders' in line
    for name in (*(f'{folder}/' for folder in FOLDERS), 'Thumbs.db'):
        assert name in line
    assert json.loads((tmp_path / 'out' / 'train.json').read_bytes())['complete']


def test_build_other_spellings_give_the_same_bytes_and_are_counted(
    build, tree, good, tmp_path
):
    images = sorted(tree.glob('train/*/*.JPEG'))
    for image in images:
        image.rename(image.with_name(f'{image.stem}_{image.parent.name}.jpg'))
    ended = build()
    assert ended.status == 0, ended.err
    [line] = [line for line in ended.err.splitlines() if line.startswith('train: took')]
    folder, stem = images[0].parent.name, images[0].stem
    assert (
        f'took {len(images)} images whose names are spelled otherwise in the index: '
        f'{folder}/{stem}_{folder}.jpg ({stem}.JPEG in the index; differs by ending, '
        'appended synset), '
    ) in line
    ours, theirs = digests(tmp_path / 'out'), digests(good)
    for name in theirs:
        if name.startswith('train-') or name == 'train.json':
            assert ours[name] == theirs[name]


def test_build_two_spellings_of_an_image_are_a_duplicate_of_both_places(build, tree):
    image = sorted(tree.glob('train/*/*.JPEG'))[0]
    copy = image.with_suffix('.jpg')
    copy.write_bytes(image.read_bytes())
    ended = build()
    assert ended.status == 1
    [line] = [line for line in ended.err.splitlines() if 'more than once' in line]
    for path in (image, copy):
        assert f'{path.parent.name}/{path.name}' in line


def test_build_appended_synset_of_another_class_is_refused(build, tree):
    image = sorted(tree.glob('train/*/*.JPEG'))[0]
    image.rename(image.with_name(f'{image.stem}_n00000000.JPEG'))
    ended = build()
    assert ended.status == 1
    [line] = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    assert f'{image.stem}_n00000000.JPEG ({image.name} in the index' in line
