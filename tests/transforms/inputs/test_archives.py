import os
import tarfile
import zipfile

import numpy as np
import pytest

from indexed_imagenet.text import error_text
from indexed_imagenet.transforms.elements import ImageRefs
from indexed_imagenet.transforms.input_report import IssueKind
from indexed_imagenet.transforms.inputs import archives, read_images
from indexed_imagenet.transforms.inputs.sources import Form, Source
from indexed_imagenet.transforms.list_images import find_parts, list_part
from indexed_imagenet.transforms.rows import ZIP_DEFLATED, Row, each_row, make_rows
from support import fake_store
from support.repack import inner_tars, tar_of, zip_of

CLASSES = [b'n00000001', b'n00000002']
FILES = [
    ('n00000001/a.JPEG', b'a' * 600),
    ('n00000001/b.JPEG', b'b'),
    ('n00000002/c.JPEG', b'c' * 70_000),
]
TRIPLES = {(b'n%08d' % (1 + (n[-6] == 'c')), n[10:].encode(), d) for n, d in FILES}


def listed(directory, name, form=Form.TAR, classes=CLASSES):
    source = Source(form, name.encode())
    found = [
        each
        for part in find_parts(source, str(directory), classes)
        for each in list_part(part, str(directory), 'train', classes)
    ]
    refs = [each for each in found if isinstance(each, ImageRefs)]
    assert refs[0] == ImageRefs(b'', [])
    issues = [each for each in found if not isinstance(each, ImageRefs)]
    cases = {
        kind: list(cases) for each in issues for (_, kind), cases in each.examples.items()
    }
    return refs[1:], cases


def triples(directory, refs):
    """Returns folder, name and content of each image, read as the job reads it."""
    found = set()
    for each in refs:
        zeros = np.zeros(len(each.names), int)
        sources = [each.source(name) for name in each.names]
        rows = list(each_row(make_rows(sources, each.names, zeros, zeros, each.spans)))
        for row, image in read_images.read_images(str(directory), rows):
            found.add((each.folder, row.name, image))
    return found


def test_list_archive_tar_of_class_folders(tmp_path):
    tar_of(tmp_path / 'a.tar', [(f'./train/{n}', data) for n, data in FILES])
    refs, cases = listed(tmp_path, 'a.tar')
    assert triples(tmp_path, refs) == TRIPLES
    assert not cases


def test_list_archive_tar_of_tars_is_one_part_each(tmp_path):
    tars = inner_tars(tmp_path / 'inner', FILES)
    tar_of(tmp_path / 'a.tar', [(path.name, path.read_bytes()) for path in tars])
    parts = list(find_parts(Source(Form.TAR, b'a.tar'), str(tmp_path), CLASSES))
    assert [part.folder for part in parts] == [b'', *CLASSES]
    refs, cases = listed(tmp_path, 'a.tar')
    assert triples(tmp_path, refs) == TRIPLES
    assert not cases


def test_list_archive_tar_of_one_class_is_named_by_it(tmp_path):
    inner_tars(tmp_path, FILES)
    refs, _ = listed(tmp_path, 'n00000002.tar')
    assert [each.folder for each in refs] == [b'n00000002']
    tar_of(tmp_path / 'val.tar', [('c.JPEG', b'c')])
    assert [each.folder for each in listed(tmp_path, 'val.tar')[0]] == [b'']


def test_list_archive_without_known_classes_takes_each_folder(tmp_path):
    tar_of(tmp_path / 'a.tar', [('cats/a.png', b'a'), ('dogs/a.png', b'b')])
    refs, _ = listed(tmp_path, 'a.tar', classes=None)
    assert [each.folder for each in refs] == [b'cats', b'dogs']


@pytest.mark.parametrize('method', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_list_archive_zip_of_both_splits_takes_one(tmp_path, method):
    files = [(f'CLS-LOC/train/{n}', data) for n, data in FILES]
    files += [('CLS-LOC/val/v.JPEG', b'v'), ('CLS-LOC/test/t.JPEG', b't')]
    zip_of(tmp_path / 'a.zip', [*files, ('__MACOSX/._a.JPEG', b'')], method)
    refs, cases = listed(tmp_path, 'a.zip', Form.ZIP)
    assert triples(tmp_path, refs) == TRIPLES
    assert cases == {
        IssueKind.OTHER_SPLIT: ['a.zip/CLS-LOC/test/t.JPEG', 'a.zip/CLS-LOC/val/v.JPEG'],
        IssueKind.IGNORED: ['a.zip/__MACOSX/._a.JPEG'],
    }


def test_list_archive_in_a_store_reads_the_same(tmp_path, monkeypatch):
    inner = inner_tars(tmp_path / 'inner', FILES)
    objects = {
        'store://b/a.tar': tar_of(
            tmp_path / 'a.tar', [(path.name, path.read_bytes()) for path in inner]
        ).read_bytes(),
        'store://b/a.zip': zip_of(
            tmp_path / 'a.zip', FILES, zipfile.ZIP_DEFLATED
        ).read_bytes(),
    }
    monkeypatch.setattr(fake_store.StoreFileSystem, 'objects', objects)
    for name, form in (('a.tar', Form.TAR), ('a.zip', Form.ZIP)):
        refs, cases = listed('store://b', name, form)
        assert triples('store://b', refs) == TRIPLES
        assert not cases


def test_list_archive_many_members_come_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, 'BATCH_NAMES', 2)
    tar_of(tmp_path / 'a.tar', [(f'{i}.JPEG', b'') for i in range(5)])
    assert [len(each.names) for each in listed(tmp_path, 'a.tar')[0]] == [2, 2, 1]


def test_list_archive_damage_is_reported_with_what_was_before(tmp_path):
    path = tar_of(tmp_path / 'a.tar', FILES)
    path.write_bytes(path.read_bytes()[:3100])
    refs, cases = listed(tmp_path, 'a.tar')
    assert [each.names for each in refs] == [[b'a.JPEG', b'b.JPEG']]
    assert cases == {
        IssueKind.DAMAGED: [
            'a.tar (cut off: n00000002/c.JPEG should end at byte 73,072, but the archive '
            'ends at byte 3,100)'
        ]
    }


def test_list_archive_damage_of_an_inner_tar_names_it(tmp_path):
    tars = [(p.name, p.read_bytes()) for p in inner_tars(tmp_path / 'inner', FILES)]
    tars[0] = (tars[0][0], tars[0][1][:1000])
    tar_of(tmp_path / 'a.tar', tars)
    [case] = listed(tmp_path, 'a.tar')[1][IssueKind.DAMAGED]
    assert case.startswith('a.tar, in its inner tar n00000001 at byte 512 (cut off: ')


def test_list_archive_of_another_kind_says_so(tmp_path):
    (tmp_path / 'a.tar').write_bytes(b'\x1f\x8b' * 1000)
    (tmp_path / 'a.zip').write_bytes(b'x' * 1000)
    [case] = listed(tmp_path, 'a.tar')[1][IssueKind.DAMAGED]
    assert case == 'a.tar (not a tar: no valid header at byte 0)'
    [case] = listed(tmp_path, 'a.zip', Form.ZIP)[1][IssueKind.DAMAGED]
    assert 'not a whole zip file' in case
    [case] = listed(tmp_path, 'gone.tar')[1][IssueKind.DAMAGED]
    assert case == 'gone.tar (No such file or directory)'


def test_list_archive_members_that_are_not_taken_are_reported(tmp_path):
    with tarfile.open(tmp_path / 'a.tar', 'w') as tar:
        for name, type in (
            ('n00000001/l.JPEG', tarfile.SYMTYPE),
            ('n00000001/../x.JPEG', tarfile.REGTYPE),
            ('/n00000001/absolute.JPEG', tarfile.REGTYPE),
            ('n00000001/._a.JPEG', tarfile.REGTYPE),
            ('n00000001/in.tar', tarfile.REGTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type = type
            tar.addfile(member)
    refs, cases = listed(tmp_path, 'a.tar')
    assert [(each.folder, each.names) for each in refs] == [
        (b'n00000001', [b'absolute.JPEG'])
    ]
    assert cases == {
        IssueKind.DAMAGED: [
            'a.tar/n00000001/../x.JPEG (not a path within the archive)',
            'a.tar/n00000001/in.tar (a tar among other files; expected a tar of tars or '
            'of images)',
            'a.tar/n00000001/l.JPEG (a symbolic link; expected a file)',
        ],
        IssueKind.IGNORED: ['a.tar/n00000001/._a.JPEG'],
    }


def test_list_archive_names_that_are_not_utf_8_are_listed(tmp_path):
    with tarfile.open(tmp_path / 'a.tar', 'w') as tar:
        tar.addfile(tarfile.TarInfo('n00000001/\udcff.JPEG'))
    [refs], _ = listed(tmp_path, 'a.tar')
    assert refs.names == [b'\xff.JPEG']
    assert refs.path(refs.names[0]) == 'a.tar/n00000001/\\xff.JPEG'


def test_read_images_many_archives_leave_no_file_open(tmp_path, monkeypatch):
    monkeypatch.setattr(read_images, 'OPEN_ARCHIVES', 3)
    monkeypatch.setattr(read_images, 'OPEN_AHEAD', 2)
    for i in range(20):
        (tmp_path / f'{i}').write_bytes(bytes([i]) * 10)
    order = np.random.RandomState(0).randint(0, 20, 200)
    rows = [Row(0, 0, 3, 5, b'%d' % i, b'') for i in order]
    before = os.listdir('/proc/self/fd')
    reading = read_images.read_images(str(tmp_path), rows)
    first = [data for (_, data), _ in zip(reading, range(150), strict=False)]
    assert first == [bytes([i]) * 5 for i in order[:150]]
    assert len(os.listdir('/proc/self/fd')) <= len(before) + 4
    reading.close()
    assert os.listdir('/proc/self/fd') == before


def test_read_images_damaged_zip_member_is_an_error_of_its_own(tmp_path, pauses):
    path = zip_of(tmp_path / 'a.zip', FILES, zipfile.ZIP_DEFLATED)
    refs, _ = listed(tmp_path, 'a.zip', Form.ZIP)
    span = refs[0].spans[0]
    data = bytearray(path.read_bytes())
    data[span['offset'] + 30 + len(FILES[0][0])] ^= 0xFF
    path.write_bytes(data)
    row = Row(0, 0, *(int(span[f]) for f in ('offset', 'length')), b'a.zip', b'')
    row = row._replace(method=ZIP_DEFLATED, size=600, crc=int(span['crc']))
    [(_, error)] = read_images.read_images(str(tmp_path), [row])
    assert isinstance(error, OSError)
    assert 'damaged' in error_text(error) or 'as the zip file says' in error_text(error)
    assert not pauses
