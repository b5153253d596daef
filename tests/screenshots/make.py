"""Makes the pictures of pages that the READMEs show, from the sample's build.

    .venv/bin/python tests/screenshots/make.py sample-tfrecords

needs Chromium. Look at the pictures before you commit them.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from playwright.sync_api import sync_playwright

_HERE = pathlib.Path(__file__).parent
_SIZE = {'width': 1200, 'height': 720}


def main() -> None:
    [data] = sys.argv[1:]
    chromium = shutil.which('chromium')
    if not chromium:
        sys.exit('error: Chromium is not installed (apt-get install chromium)')
    with tempfile.TemporaryDirectory() as folder:

        def call(*argv: str) -> None:
            subprocess.run([sys.executable, '-m', *argv], check=True)

        pairs, page = f'{folder}/pairs.npz', f'{folder}/{{}}.html'
        call(
            *['indexed_imagenet.scores.example', data, '--output', f'{folder}/m.npz'],
            *['--pairs', pairs],
        )
        show = ['indexed_imagenet', 'show', data]
        call(*show, '--top', 'tr_mem', '--n', '200', '--output', page.format('gallery'))
        call(*show, '--pairs', pairs, '--n', '20', '--output', page.format('pairs'))
        call('indexed_imagenet', 'report', data, '--output', page.format('report'))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=['--no-sandbox']
            )
            for name, scheme in (
                ('gallery', 'light'),
                ('pairs', 'dark'),
                ('report', 'light'),
            ):
                context = browser.new_context(viewport=_SIZE, color_scheme=scheme)
                tab = context.new_page()
                tab.goto('file://' + page.format(name))
                tab.wait_for_timeout(500)
                path = _HERE / f'{name}.jpg'
                tab.screenshot(path=path, type='jpeg', quality=78)
            browser.close()


if __name__ == '__main__':
    main()
