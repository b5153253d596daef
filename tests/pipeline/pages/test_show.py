"""``show`` as a person runs it."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from indexed_imagenet import IndexedDataset
from indexed_imagenet.pages.entries import Entry, make_thumbnail
from indexed_imagenet.pages.gallery import make_gallery


def data_of(html: str) -> dict:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html)
    return json.loads(text)


def full_of(html: str) -> dict[str, bytes]:
    found = re.findall(r'<script type="text/plain" id="full-(.*?)">(.*?)</script>', html)
    return {key: base64.b64decode(content) for key, content in found}


def test_show_page_has_the_records_own_pictures(run, built, tmp_path):
    page = tmp_path / 'page.html'
    ended = run('show', built, '--top', 'tr_mem', '--n', 4, '--output', page)
    html = page.read_text()
    assert ended.out == (
        f'{page}: 4 examples, {len(page.read_bytes()):,} bytes, 4 pictures at full size\n'
    )
    ds = IndexedDataset(built)
    data, full = data_of(html), full_of(html)
    assert [fields[1] for fields in data['examples']] == list(map(int, full))
    for key, index, split, name, label, height, width, scores, thumb in data['examples']:
        example = ds[index]
        assert (key, split, name) == (str(index), 'train', example.filename)
        assert (label, height, width) == (example.label, example.height, example.width)
        assert data['classes'][str(label)] == [example.synset, example.text]
        assert full[key] == example.image
        assert Image.open(io.BytesIO(base64.b64decode(thumb))).format == 'JPEG'
        assert scores[0] == pytest.approx(
            np.load(built / 'train.scores.npz')['tr_mem'][index]
        )


def test_show_page_stays_within_its_bytes(run, built, tmp_path):
    page = tmp_path / 'page.html'
    ended = run('show', built, '--max_bytes', 200_000, '--output', page)
    assert ended.status == 0, ended.err
    content = page.read_bytes()
    assert len(content) <= 200_000
    assert 0 < len(full_of(content.decode())) < 51
    ended = run('show', built, '--max_bytes', 30_000, '--output', page)
    assert ended.status == 2
    assert re.search(
        r'51 examples take [\d,]+ bytes without pictures at full size \(expected at most '
        r'30,000, --max_bytes\)',
        ended.err,
    )


def test_show_without_pictures_holds_none(run, built, tmp_path):
    page = tmp_path / 'page.html'
    assert run('show', built, '--no_pictures', '--output', page).status == 0
    html = page.read_text()
    assert full_of(html) == {}
    assert all(fields[-1] is None for fields in data_of(html)['examples'])
    assert 'not for redistribution' not in html


def test_show_page_asks_nobody_for_anything(run, built, tmp_path):
    page = tmp_path / 'page.html'
    run('show', built, '--n', 2, '--output', page)
    html = page.read_text()
    assert "default-src 'none'; img-src data:;" in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)


def test_show_sheet_is_a_png_of_all_examples(run, built, tmp_path):
    sheet = tmp_path / 'sheet.png'
    ended = run('show', built, '--around', 'tr_mem', 0.5, '--n', 9, '--output', sheet)
    assert (ended.status, ended.out) == (0, f'{sheet}: 9 examples\n')
    with Image.open(sheet) as picture:
        assert picture.format == 'PNG'
        assert picture.width > 560 and picture.height > 400
        assert len(picture.getcolors(1 << 24)) > 1000


def test_show_pairs_rows_from_training_to_test(run, built, pairs, tmp_path):
    page = tmp_path / 'pairs.html'
    ended = run('show', built, '--pairs', pairs, '--output', page)
    assert ended.status == 0, ended.err
    data = data_of(page.read_text())
    five, nine = data['rows']
    assert (five['of'], five['value'], five['direction']) == ('5', 'M 0.900', '→')
    assert five['members'][:2] == [
        ['validation-8', 'I 0.750'],
        ['validation-7', 'I 0.500'],
    ]
    assert (nine['of'], nine['members'][0]) == ('9', ['validation-3', 'I 0.250'])
    ds, test = IndexedDataset(built), IndexedDataset(built, 'validation')
    for row in data['rows']:
        label = ds.labels[int(row['of'])]
        for key, value in row['members']:
            if value is None:  # others of the class, for context
                assert test.labels[int(key.removeprefix('validation-'))] == label
    keys = {fields[0] for fields in data['examples']}
    assert {key for row in data['rows'] for key, _ in row['members']} <= keys


def test_show_pairs_by_test_goes_the_other_way(run, built, pairs, tmp_path):
    page = tmp_path / 'pairs.html'
    command = ['show', built, '--pairs', pairs, '--by_test', '--index', 7]
    assert run(*command, '--output', page).status == 0
    [row] = data_of(page.read_text())['rows']
    assert (row['of'], row['value'], row['direction']) == ('validation-7', None, '←')
    assert row['members'][0] == ['5', 'I 0.500']


def test_show_names_are_data_not_markup():
    name = '</script><script>alert(1)</script><!--"\u2028'
    entry = Entry(1, name, 0, 'n1', name, 1, 1, (0.5,), None, None)
    html = make_gallery([('train', entry)], ['<b>'], name, name, 10**6).html.decode()
    assert '<script>alert' not in html
    assert data_of(html)['examples'][0][3] == name
    assert data_of(html)['scores'] == ['<b>']


def test_make_thumbnail_ignores_exif_rotation():
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new('RGB', (640, 320), 'red').save(file, 'JPEG', exif=exif)
    with Image.open(io.BytesIO(make_thumbnail(file.getvalue()))) as thumbnail:
        assert thumbnail.size == (160, 80)


@pytest.mark.parametrize(
    'flags, why',
    [
        (['--output', 'page.txt'], '--output page.txt must end in .html or .png'),
        (['--output', '/nowhere/p.html'], '/nowhere is not a directory; make it'),
        (['--output', 'p.html', '--n', '0'], '--n is 0 (expected at least 1)'),
        (['--output', 'p.html', '--by_test'], '--by_test needs --pairs'),
        (['--output', 'p.png', '--no_pictures'], '--no_pictures needs a page'),
        (['--output', 'p.html', '--around', 'tr_mem', 'x'], "'x' (expected a number)"),
        (['--output', 'p.html', '--index', '99'], 'index 99 is not in the train index'),
        (['--output', 'p.html', '--top', 'x', '--random', '3'], 'not allowed with'),
        (['--output', 'p.html', '--pairs', 'none.npz'], 'none.npz'),
        (['--output', 'p.html', '--pairs', 'x', '--where', 'a'], 'does not go with'),
        (['--output', 'p.html', '--scores', 'none.csv'], 'none.csv'),
    ],
)
def test_show_wrong_flags_are_one_line(run, built, tmp_path, monkeypatch, flags, why):
    monkeypatch.chdir(tmp_path)
    ended = run('show', built, *flags)
    assert (ended.status, ended.out) == (2, '')
    assert why in ended.err
    assert ended.err.startswith('error: ') and ended.err.count('\n') == 1
    assert not list(tmp_path.iterdir())


def test_show_pairs_of_another_data_set_are_refused(run, built, tmp_path):
    path = tmp_path / 'pairs.npz'
    one = np.array([0.5])
    np.savez(path, tr_idx=[950353], tt_idx=[1], infl=one, mem=one)
    ended = run('show', built, '--pairs', path, '--output', tmp_path / 'p.html')
    assert ended.status == 2
    assert 'tr_idx has the index 950,353 (expected at most 50' in ended.err
