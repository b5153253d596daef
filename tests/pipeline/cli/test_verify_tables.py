"""``verify`` on wrong, damaged and missing manifests and offsets."""

import hashlib
import json

import numpy as np
import pytest

OFFSETS = 'train.offsets.npz'


def change_manifest(data, **changes) -> None:
    """Changes fields of the manifest of train."""
    path = data / 'train.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def read_arrays(path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def test_verify_changed_manifest_reports_each_field(faults, data):
    right = json.loads((data / 'train.json').read_text())['fingerprint']
    change_manifest(data, fingerprint='f' * 64, classes=9)
    assert faults() == [
        'train.json: classes is 9 (expected 8 as in the shards)',
        f'train.json: fingerprint is {"f" * 64} (expected {right} as in the shards)',
    ]


def test_verify_present_example_declared_absent_is_reported(faults, data):
    change_manifest(data, missing=[7])
    assert faults() == [
        'train.json, index 7: it is present, but the manifest declares it absent'
    ]


def test_verify_absent_example_not_declared_is_reported(tree, build, verify, tmp_path):
    (tree / 'train' / 'n01739381' / 'n01739381_1309.JPEG').unlink()
    assert build().status == 0
    output = tmp_path / 'out'
    change_manifest(output, missing=[], examples=51)
    ended = verify(output, '--split=train')
    assert ended.status == 1
    assert [line.removeprefix('error: ') for line in ended.err.splitlines()[:-1]] == [
        f'{output}: 1 of 51 train examples are in no record: index 19 (expected each to '
        'be present, or declared absent in a manifest)',
        f'{output}/train.json: examples is 51 (expected 50 as in the shards)',
    ]


def test_verify_manifest_claiming_too_many_examples_is_refused(faults, data):
    """No memory is taken for what a stranger's manifest claims."""
    fields = json.loads((data / 'train.json').read_text())
    claimed = {**fields['identity'], 'num_examples': 2_000_000_000}
    change_manifest(data, examples=2_000_000_000, identity=claimed)
    size = sum(shard.stat().st_size for shard in data.glob('train-*-of-*'))
    assert faults()[0] == (
        f'train.json: it claims 2,000,000,000 examples, which {size:,} bytes of shards '
        'cannot hold'
    )
    change_manifest(data, examples=51)
    assert faults()[0] == (
        'train.json: is not a manifest: it accounts for 51 examples, but the index has '
        '2000000000'
    )


def test_verify_manifest_that_is_not_json_is_reported(faults, data):
    (data / 'train.json').write_text('{')
    assert faults()[0].startswith('train.json: is not a manifest: ')


def test_verify_manifest_of_another_index_reports_it_and_names(
    faults, data, golden, tmp_path
):
    arrays = read_arrays(golden / 'imagenet_index.npz')
    names = arrays['tr_filenames']
    names[:2] = names[1::-1]
    np.savez(tmp_path / 'other.npz', **arrays)
    lines = faults(f'--imagenet_index_file={tmp_path}/other.npz')
    assert lines[0] == (
        f'train.json: it belongs to another index than {tmp_path}/other.npz (expected '
        'the same names and labels)'
    )
    assert sum('image/filename is ' in line for line in lines) == 2


@pytest.mark.parametrize('name', ['shard', 'offset', 'length', 'crc32c'])
def test_verify_changed_offsets_report_index_and_both_values(faults, data, name):
    arrays = read_arrays(data / OFFSETS)
    right = int(arrays[name][9])
    arrays[name][9] += 1
    np.savez(data / OFFSETS, **arrays)
    assert faults() == [
        f'{OFFSETS}, index 9: {name} is {right + 1} (expected {right} as in the shards; '
        '1 such value)'
    ]


def test_verify_offsets_with_changed_label_report_digest(faults, data):
    arrays = read_arrays(data / OFFSETS)
    arrays['label'][9] += 1
    np.savez(data / OFFSETS, **arrays)
    found = hashlib.sha256(arrays['label'].astype('<i4').tobytes()).hexdigest()
    expected = json.loads((data / 'train.json').read_text())['identity']['labels']
    assert faults() == [
        f'{OFFSETS}: the digest of its labels is {found} (expected {expected} as in the '
        'manifest)'
    ]


def test_verify_offsets_with_changed_name_report_digest(faults, data):
    arrays = read_arrays(data / OFFSETS)
    arrays['name_content'][3] ^= 1
    np.savez(data / OFFSETS, **arrays)
    content, ends = arrays['name_content'].tobytes(), arrays['name_ends'].tolist()
    names = [content[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
    found = hashlib.sha256(b''.join(name + b'\0' for name in names)).hexdigest()
    expected = json.loads((data / 'train.json').read_text())['identity']['names']
    assert faults() == [
        f'{OFFSETS}: the digest of its names is {found} (expected {expected} as in the '
        'manifest)'
    ]


def test_verify_offsets_of_another_length_are_reported(faults, data):
    arrays = read_arrays(data / OFFSETS)
    for key in ('shard', 'offset', 'length', 'crc32c', 'label', 'name_ends'):
        arrays[key] = arrays[key][:-1]
    arrays['name_content'] = arrays['name_content'][: arrays['name_ends'][-1]]
    np.savez(data / OFFSETS, **arrays)
    assert faults() == [
        f'{OFFSETS}: has 50 entries (expected 51, the length of the index)'
    ]


def test_verify_truncated_offsets_are_reported(faults, data):
    path = data / OFFSETS
    path.write_bytes(path.read_bytes()[:300])
    assert faults()[0].startswith(f'{OFFSETS}: is not an offsets file: ')


def test_verify_missing_offsets_are_reported(faults, data):
    (data / OFFSETS).unlink()
    assert faults() == [f'{OFFSETS}: missing; a build writes it with the manifest']


def test_verify_unfinished_build_says_to_run_it_again(tree, build, verify, tmp_path):
    (tree / 'train' / 'n01739381' / 'n01739381_1309.JPEG').write_bytes(b'')
    assert build().status == 1
    output = tmp_path / 'out'
    ended = verify(output, '--split=train')
    assert ended.status == 1
    assert ended.err.splitlines()[0] == (
        f'error: {output}/.build/train: the build is unfinished; run its command again'
    )
