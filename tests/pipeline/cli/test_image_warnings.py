"""Images with a warning are listed alike by a build, a resumed one and a rerun."""

import pathlib

import numpy as np
import pytest

CASES = pathlib.Path(__file__).parents[2] / 'cases'
NAMES = [f'n0144{k}_{i}.JPEG' for k in ('0764', '3537') for i in (1, 2)]
GARBLED = f'{NAMES[0][:9]}/{NAMES[0]}'


@pytest.fixture
def build_garbled(run, tmp_path):
    """Builds four images, of which the first was sent as text."""
    good = (CASES / 'good.jpg').read_bytes()
    for name in NAMES:
        path = tmp_path / 'train' / name[:9] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(good)
    garbled = (CASES / 'jpeg_lf_to_crlf.JPEG').read_bytes()
    (tmp_path / 'train' / GARBLED).write_bytes(garbled)
    index = tmp_path / 'index.npz'
    np.savez(index, tr_filenames=np.array(NAMES, 'S'), tr_labels=[0, 0, 1, 1])

    def run_build(*more):
        return run(
            'build',
            f'--train_directory={tmp_path}/train',
            f'--imagenet_index_file={index}',
            f'--output_directory={tmp_path}/out',
            '--train_shards=2',
            '--direct_num_workers=1',
            *more,
        )

    return run_build


def test_build_with_decode_lists_warnings_and_reruns_list_the_same(
    build_garbled, tmp_path
):
    output = tmp_path / 'out'
    listed = output / 'warnings-train.csv'
    ended = build_garbled('--check_images=decode')
    assert ended.status == 0, ended.err
    content = listed.read_text()
    header, row = content.splitlines()
    assert header == 'index,path,warning'
    assert row.startswith(f'0,{GARBLED},Corrupt JPEG data: ')
    note = f'train: the decoder accepts 1 image with a warning, listed in {listed}'
    assert note in ended.err
    assert 'warnings' in ended.out

    rerun = build_garbled('--check_images=decode')
    assert rerun.status == 0 and '2 kept' in rerun.out
    assert note in rerun.err
    assert listed.read_text() == content

    # One shard is made again, with the same warnings whichever it is.
    for number in range(2):
        (output / f'train-{number:05d}-of-00002').unlink()
        resumed = build_garbled('--check_images=decode')
        assert resumed.status == 0 and '1 kept' in resumed.out
        assert listed.read_text() == content


def test_build_with_quick_lists_no_warnings(build_garbled, tmp_path):
    ended = build_garbled()
    assert ended.status == 0, ended.err
    assert not (tmp_path / 'out' / 'warnings-train.csv').exists()
    assert 'with a warning' not in ended.err
