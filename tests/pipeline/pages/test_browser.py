"""The pages in a real browser: Chromium, without a network."""

import json
import shutil

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset
from indexed_imagenet.cli.main import main

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')


@pytest.fixture(scope='module')
def browser():
    if not CHROMIUM:
        pytest.skip('Chromium is not installed')
    api = pytest.importorskip('playwright.sync_api')
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=['--no-sandbox']
        )
        yield browser
        browser.close()


@pytest.fixture(scope='module')
def pages(built, pairs, tmp_path_factory):
    """A gallery, both influence pages and a report, by name."""
    folder = tmp_path_factory.mktemp('pages')
    commands = {
        'gallery': ['show', built],
        'pairs': ['show', built, '--pairs', pairs],
        'by_test': ['show', built, '--pairs', pairs, '--by_test'],
        'bare': ['show', built, '--no_pictures'],
        'report': ['report', built],
    }
    for name, command in commands.items():
        output = folder / f'{name}.html'
        assert main([*map(str, command), '--output', str(output)]) == 0
    return {name: f'file://{folder}/{name}.html' for name in commands}


@pytest.fixture
def visit(browser, pages):
    """Opens a page; at the end, nothing was asked of any host, and nothing failed."""
    requests, problems, contexts = [], [], []

    def open_page(name, link='', **options):
        options.setdefault('viewport', {'width': 1280, 'height': 900})
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on('request', lambda request: requests.append(request.url))
        page.on('console', lambda message: problems.append(message.text))
        page.on('pageerror', lambda error: problems.append(str(error)))
        page.goto(pages[name] + link)
        return page

    yield open_page
    for context in contexts:
        context.close()
    others = [url for url in requests if not url.startswith(('file:', 'data:'))]
    assert (others, problems) == ([], [])


@pytest.fixture(scope='module')
def ds(built):
    return IndexedDataset(built)


def shown(page) -> list[int]:
    keys = page.locator('.card').evaluate_all('cards => cards.map(c => c.dataset.key)')
    return list(map(int, keys))


def test_gallery_shows_all_and_searches(visit, ds):
    page = visit('gallery')
    assert shown(page) == list(range(51))
    page.fill('#search', ds.filenames[7])
    assert shown(page) == [7]
    page.fill('#search', '13')
    assert 13 in shown(page)
    word = ds.classes[int(ds.labels[20])].text.split(',')[0]
    page.fill('#search', word.upper())
    assert 20 in shown(page)
    page.fill('#search', 'no such thing')
    assert shown(page) == []
    assert page.locator('#none').is_visible()
    assert page.locator('#count').inner_text() == '0 of 51'


def test_gallery_filters_by_class_and_range(visit, ds, built):
    scores = np.load(built / 'train.scores.npz')['tr_mem']
    page = visit('gallery')
    label = int(ds.labels[0])
    page.select_option('#class', str(label))
    assert shown(page) == np.flatnonzero(ds.labels == label).tolist()
    page.select_option('#class', '')
    page.fill('#from', '0.5')
    assert shown(page) == np.flatnonzero(scores >= 0.5).tolist()
    page.click('#reset')
    assert len(shown(page)) == 51


def test_gallery_histogram_brush_chooses_a_range(visit, built):
    scores = np.load(built / 'train.scores.npz')['tr_mem']
    page = visit('gallery')
    box = page.locator('#bins').bounding_box()
    middle = box['y'] + box['height'] / 2
    page.mouse.move(box['x'] + box['width'] / 2, middle)
    page.mouse.down()
    page.mouse.move(box['x'] + box['width'] - 1, middle)
    page.mouse.up()
    half = (scores.min() + scores.max()) / 2
    found = shown(page)
    assert 0 < len(found) < 51
    assert set(np.flatnonzero(scores > half + 0.02)) - {int(scores.argmax())} <= set(
        found
    )
    assert not set(np.flatnonzero(scores < half - 0.02)) & set(found)


def test_gallery_sorts(visit, built, ds):
    scores = np.load(built / 'train.scores.npz')['tr_mem']
    page = visit('gallery')
    page.select_option('#sort', '0 -1')
    assert shown(page) == np.argsort(-scores, kind='stable').tolist()
    page.select_option('#sort', 'class')
    assert shown(page) == np.argsort(ds.labels, kind='stable').tolist()


def test_gallery_works_by_keyboard_alone(visit, ds):
    page = visit('gallery')
    page.keyboard.press('ArrowRight')  # from the page into the grid
    page.keyboard.press('ArrowRight')
    focused = 'document.activeElement.dataset.key'
    assert page.evaluate(focused) == '1'
    page.keyboard.press('ArrowDown')
    below = int(page.evaluate(focused))
    assert below > 2
    page.keyboard.press('ArrowUp')
    assert page.evaluate(focused) == '1'
    page.keyboard.press('End')
    assert page.evaluate(focused) == '50'
    page.keyboard.press(' ')
    assert page.locator('#count').inner_text() == '51 of 51, 1 selected'
    page.keyboard.press('Enter')
    assert page.locator('#dialog').is_visible()
    assert ds.filenames[50] in page.locator('#facts').inner_text()
    page.keyboard.press('ArrowLeft')
    assert ds.filenames[49] in page.locator('#facts').inner_text()
    page.keyboard.press('Escape')
    assert not page.locator('#dialog').is_visible()
    page.wait_for_function(f'{focused} === "49"')  # its event comes later
    page.keyboard.press('Escape')
    assert page.locator('#count').inner_text() == '51 of 51'
    page.keyboard.press('/')
    assert page.evaluate('document.activeElement.id') == 'search'


def test_gallery_deep_link_opens_the_record_at_full_size(visit, ds):
    page = visit('gallery', '#42')
    assert page.locator('#dialog').is_visible()
    facts = page.locator('#facts').inner_text()
    example = ds[42]
    for text in (example.filename, example.synset, example.text):
        assert text in facts
    page.wait_for_function('document.querySelector("#picture img").naturalWidth > 0')
    size = page.locator('#picture img').evaluate('i => [i.naturalWidth, i.naturalHeight]')
    assert size == [example.width, example.height]
    page.click('#close')
    page.wait_for_function('location.hash === ""')


def test_gallery_copies_the_selection(visit, ds):
    page = visit('gallery', permissions=['clipboard-read', 'clipboard-write'])
    for key in (3, 5):
        page.locator(f'.card[data-key="{key}"]').click(modifiers=['Control'])
    page.click('#copy-indices')
    paste = 'navigator.clipboard.readText()'
    assert page.evaluate(paste) == '3 5'
    page.click('#copy-csv')
    page.wait_for_function(f'{paste}.then(text => text.startsWith("index"))')
    head, *rows = page.evaluate(paste).splitlines()
    assert head == 'index,split,filename,label,synset,text,tr_mem'
    assert [row.split(',')[2] for row in rows] == [ds.filenames[3], ds.filenames[5]]


def test_gallery_dark_follows_the_system_and_the_key(visit):
    color = 'getComputedStyle(document.body).backgroundColor'
    light = visit('gallery', color_scheme='light')
    dark = visit('gallery', color_scheme='dark')
    assert light.evaluate(color) == 'rgb(255, 255, 255)'
    assert dark.evaluate(color) == 'rgb(20, 23, 26)'
    dark.keyboard.press('t')
    assert dark.evaluate(color) == 'rgb(255, 255, 255)'


def test_gallery_without_pictures_has_no_image(visit):
    page = visit('bare')
    assert len(shown(page)) == 51
    page.locator('.card').first.click()
    assert page.locator('#dialog').is_visible()
    assert page.locator('img').count() == 0


def test_influence_pages_show_rows_and_open_examples(visit):
    page = visit('pairs')
    assert page.locator('.influence').count() == 2
    first = page.locator('.influence').first
    assert first.locator('.first .value').inner_text() == 'I 0.750'
    page.fill('#search', '9')
    page.fill('#search', '')
    first.locator('.card').nth(1).click()
    assert page.evaluate('location.hash') == '#validation-8'
    assert visit('by_test').locator('.influence').count() == 3


@pytest.mark.parametrize('width', [400, 1600])
@pytest.mark.parametrize('name', ['gallery', 'pairs', 'report'])
def test_pages_do_not_overflow(visit, name, width):
    page = visit(name, viewport={'width': width, 'height': 900})
    assert page.evaluate('document.documentElement.scrollWidth') == width


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('name', ['gallery', 'pairs', 'report'])
def test_pages_pass_axe(visit, name, scheme):
    """Contrast, labels and roles, by axe-core."""
    axe = pytest.importorskip('axe_core_python.sync_playwright')
    page = visit(name, color_scheme=scheme)
    results = axe.Axe().run(page)
    found = [
        (each['id'], [node['html'][:100] for node in each['nodes'][:3]])
        for each in results['violations']
    ]
    assert found == [], json.dumps(found, indent=1)
