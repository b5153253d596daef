import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from indexed_imagenet.transforms.input_report import (
    InputReport,
    IssueKind,
)
from indexed_imagenet.transforms.inputs import folders as module
from indexed_imagenet.transforms.list_images import (
    ImageRefs,
    ListImages,
    find_folders,
    list_images,
)


@pytest.fixture
def tree(tmp_path):
    for path in (
        'n1/a.JPEG',
        'n1/b.JPEG',
        'n2/c.JPEG',
        'flat.JPEG',
        '.cache/x',
        'n2/in/d',
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / 'n3').symlink_to(tmp_path / 'n1', target_is_directory=True)
    return str(tmp_path)


def test_class_folders_are_those_that_are_not_hidden(tree):
    assert list(find_folders(tree)) == ['', 'n1', 'n2', 'n3']


def test_lists_every_file_once_and_names_what_it_does_not_enter(new_pipeline, tree):
    with new_pipeline() as pipeline:
        found = pipeline | ListImages(tree, 'train')
        refs = found.refs | beam.Map(
            lambda refs: (refs.folder, tuple(sorted(refs.names)))
        )
        assert_that(
            refs,
            equal_to(
                [
                    ('', ()),
                    ('', (b'flat.JPEG',)),
                    ('n1', (b'a.JPEG', b'b.JPEG')),
                    ('n2', (b'c.JPEG',)),
                    ('n3', (b'a.JPEG', b'b.JPEG')),
                ]
            ),
            label='refs',
        )
        assert_that(
            found.issues,
            equal_to(
                [
                    InputReport.of('train', IssueKind.IGNORED, ['.cache/']),
                    InputReport.of('train', IssueKind.IGNORED, ['n2/in/']),
                ]
            ),
            label='issues',
        )


def test_a_large_folder_comes_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'BATCH_NAMES', 3)
    names = {b'%d.JPEG' % i for i in range(8)}
    for name in names:
        (tmp_path / name.decode()).touch()
    batches = list(list_images(str(tmp_path), '', 'train'))
    assert batches[0] == ImageRefs('', [])
    assert [len(batch.names) for batch in batches[1:]] == [3, 3, 2]
    assert {name for batch in batches for name in batch.names} == names
