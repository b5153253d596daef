import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from indexed_imagenet.transforms.input_report import InputReport, IssueKind
from indexed_imagenet.transforms.list_images import ListImages


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


def test_list_images_yields_each_file_once_and_reports_ignored_folders(
    new_pipeline, tree
):
    with new_pipeline() as pipeline:
        found = pipeline | ListImages(tree, 'train')
        refs = found.refs | beam.Map(
            lambda refs: (refs.folder, tuple(sorted(refs.names)))
        )
        assert_that(
            refs,
            equal_to(
                [
                    (b'', ()),
                    (b'', (b'flat.JPEG',)),
                    (b'n1', (b'a.JPEG', b'b.JPEG')),
                    (b'n2', (b'c.JPEG',)),
                    (b'n3', (b'a.JPEG', b'b.JPEG')),
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
