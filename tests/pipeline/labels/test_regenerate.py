import sys
import zipfile

import pytest

from indexed_imagenet.labels.load import METADATA_FILE, SYNSETS_FILE
from support.commands import run_elsewhere

DATA_NOUN = """\
  1 This software and database is being provided to you, the LICENSEE, by
00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 | that which is perceived
02119022 05 n 02 red_fox 0 Vulpes_vulpes 0 001 @ 02118333 n 0000 | a fox
"""


@pytest.fixture
def regenerate(tmp_path):
    def run(*argv):
        command = [sys.executable, '-m', 'indexed_imagenet.labels.regenerate', *argv]
        return run_elsewhere(command, tmp_path)

    return run


def test_regenerate_two_sources_writes_both_files(regenerate, tmp_path):
    wheel = tmp_path / 'timm.whl'
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.writestr('timm/data/_info/imagenet_synsets.txt', 'n02119022\n')
        archive.writestr(
            'timm/data/_info/imagenet22k_ms_synsets.txt', 'n02119022\nn00001740\n'
        )
    (tmp_path / 'data.noun').write_text(DATA_NOUN)
    ended = regenerate(wheel, tmp_path / 'data.noun', tmp_path)
    assert ended.status == 0, ended.err
    assert (tmp_path / SYNSETS_FILE.name).read_text() == 'n02119022\n'
    assert (tmp_path / METADATA_FILE.name).read_text() == (
        'n00001740\tentity\nn02119022\tred fox, Vulpes vulpes\n'
    )


def test_regenerate_without_sources_prints_usage(regenerate):
    ended = regenerate()
    assert (ended.status, ended.err.startswith('usage: ')) == (1, True)
