"""``export``: files of chosen examples, and what it refuses."""

import csv
import dataclasses

import pytest

from indexed_imagenet import IndexedDataset
from indexed_imagenet.readers.export import file_name


def rows_of(path) -> list[dict[str, str]]:
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_export_writes_the_bytes_and_a_row_per_example(run, built, tmp_path, names):
    output = tmp_path / 'files'
    ended = run('export', built, '--index', 17, 3, 17, '--output', output)
    assert (ended.status, ended.err) == (0, '')
    assert ended.out == f'{output} holds 2 examples and examples.csv\n'
    rows = rows_of(output / 'examples.csv')
    assert [row['index'] for row in rows] == ['17', '3']
    ds = IndexedDataset(built)
    for row in rows:
        example = ds[int(row['index'])]
        assert row['file'] == f'{example.index:09d}_{names[example.index]}'
        assert (output / row['file']).read_bytes() == example.image
        assert (row['label'], row['synset']) == (str(example.label), example.synset)
        assert row['text'] == example.text
    assert len(list(output.iterdir())) == 3


def test_export_takes_the_validation_split(run, built, tmp_path):
    argv = ['export', built, '--split=validation', '--index=0', f'--output={tmp_path}/o']
    assert run(*argv).status == 0
    assert '_ILSVRC2012_val_' in rows_of(tmp_path / 'o' / 'examples.csv')[0]['file']


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--index', '51'], 'index 51 is not in the train index (expected 0 to 50)'),
        (['--index', 'x'], "--index: 'x' is not"),
        ([], 'the following arguments are required: --index'),
    ],
)
def test_export_wrong_index_is_one_line_and_writes_nothing(
    run, built, tmp_path, flags, message
):
    ended = run('export', built, *flags, f'--output={tmp_path}/o')
    assert ended.status == 2
    [line] = ended.err.splitlines()
    assert message in line
    assert not (tmp_path / 'o').exists()


def test_export_absent_example_is_named(run, incomplete, tmp_path, names):
    ended = run('export', incomplete, '--index', 16, 17, f'--output={tmp_path}/o')
    assert ended.status == 2
    assert f'train example 17 ({names[17]}) is not in this data set' in ended.err
    assert not (tmp_path / 'o').exists()


def test_export_folder_with_files_is_refused(run, built, tmp_path):
    (tmp_path / 'kept.txt').touch()
    ended = run('export', built, '--index', 1, f'--output={tmp_path}')
    assert ended.status == 2
    assert f'--output {tmp_path} is not empty; choose another folder' in ended.err


def test_file_name_of_a_stranger_stays_in_the_folder(built):
    example = IndexedDataset(built)[3]
    for name in ('../../x.JPEG', '/etc/x', 'a\\b', 'a\nb\0', 'x' * 10):
        made = file_name(dataclasses.replace(example, filename=name))
        assert made.startswith('000000003_')
        assert not set(made) & set('/\\\n\0')
