"""Folders and names that people's copies of ImageNet have."""

import json

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


def test_build_renamed_images_are_reported_with_their_names_in_the_index(
    build, tree, tmp_path
):
    images = sorted(tree.glob('train/*/*.JPEG'))
    for image in images:
        image.rename(image.with_name(f'{image.stem}_{image.parent.name}.jpg'))
    ended = build()
    assert ended.status == 1
    [line] = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    folder, stem = images[0].parent.name, images[0].stem
    assert (
        f'train: {tree}/train has {len(images)} images whose names differ from the index '
        'only by ending, case, Unicode form or an appended synset: '
        f'{folder}/{stem}_{folder}.jpg ({stem}.JPEG in the index; differs by ending, '
        'appended synset), '
    ) in line
    assert line.endswith('more; rename each as in the index')
    assert not (tmp_path / 'out').exists()
