"""``report`` as a person runs it."""

import re
import shutil

from indexed_imagenet import IndexedDataset


def test_report_describes_both_splits(run, built, tmp_path):
    page = tmp_path / 'report.html'
    ended = run('report', built, '--output', page)
    html = page.read_text()
    size = len(page.read_bytes())
    assert ended.out == f'{page}: train and validation, {size:,} bytes\n'
    for split, number in (('train', 51), ('validation', 24)):
        assert f'<section class="split" id="{split}">' in html
        assert f'{number} of {number} in the index' in html
        assert IndexedDataset(built, split).fingerprint in html
    assert html.count('<svg role="img"') == 9  # four of each split, and tr_mem
    assert 'feldman2020what' in html
    assert '#010203' not in html and '#040506' not in html


def test_report_lists_missing_images(run, incomplete, absent, names, tmp_path):
    page = tmp_path / 'report.html'
    assert run('report', incomplete, '--output', page).status == 0
    html = page.read_text()
    assert 'Missing: 3 images' in html
    for index in absent:
        assert f'<td>{index}</td><td>{names[index]}</td>' in html


def test_report_same_data_gives_the_same_page(run, built, tmp_path):
    pages = [tmp_path / name for name in ('a.html', 'b.html')]
    for page in pages:
        assert run('report', built, '--output', page).status == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_report_names_are_data_not_markup(run, incomplete, tmp_path):
    data = tmp_path / 'data'
    shutil.copytree(incomplete, data)
    path = data / 'missing-train.csv'
    path.write_text('index,filename\n3,<script>alert(1)</script>\n')
    page = tmp_path / 'report.html'
    assert run('report', data, '--output', page).status == 0
    assert '&lt;script&gt;alert(1)' in page.read_text()
    assert '<script' not in page.read_text()


def test_report_asks_nobody_for_anything(run, built, tmp_path):
    page = tmp_path / 'report.html'
    run('report', built, '--output', page)
    html = page.read_text()
    assert "default-src 'none'" in html
    links = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert all(link.startswith('#') for link in links)


def test_report_without_a_finished_split_is_one_line(run, tmp_path):
    ended = run('report', tmp_path, '--output', tmp_path / 'r.html')
    assert ended.status == 2
    assert 'has neither train.json nor validation.json' in ended.err


def test_report_other_endings_are_refused(run, built, tmp_path):
    ended = run('report', built, '--output', tmp_path / 'r.pdf')
    assert (ended.status, 'must end in .html' in ended.err) == (2, True)
