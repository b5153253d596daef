"""``verify`` on splits whose shards are wrong together: lost, moved, repeated records."""

import shutil

from support.verify import (
    SHARD,
    frame_offset,
    index_of,
    read_payloads,
    remove_manifest,
    write_shard,
)


def test_verify_missing_shard_is_one_fault(faults, data):
    (data / SHARD).unlink()
    assert faults() == [f'{SHARD}: missing; the manifest lists it']


def test_verify_missing_shard_without_manifest_reports_its_examples(faults, data):
    count = len(read_payloads(data / SHARD))
    (data / SHARD).unlink()
    remove_manifest(data)
    expected = f'{SHARD}: missing; the other files are named -of-00004'
    assert faults() == [expected]
    first, second = faults(with_index=True)
    assert first == expected
    assert second.startswith(f'{data}: {count} of 51 train examples are in no record: ')


def test_verify_shard_of_another_count_is_unexpected(faults, data):
    name = 'train-00000-of-00009'
    shutil.copy(data / SHARD, data / name)
    assert faults() == [f'{name}: unexpected file (expected only those in the manifest)']
    remove_manifest(data)
    assert faults()[0] == f'{name}: unexpected file (expected only the 4 shards)'


def test_verify_repeated_record_names_both_places(faults, data, tf):
    path = data / SHARD
    payloads = read_payloads(path)
    index, size = index_of(tf, payloads[2]), path.stat().st_size
    offset = frame_offset(path, 2)
    write_shard(path, [*payloads, payloads[2]])
    assert (
        f'{SHARD} at byte {size:,}, index {index}: {path} at byte {offset:,} has it '
        'too (expected each index once)'
    ) in faults()


def test_verify_lost_record_names_its_index(faults, data, tf):
    path = data / SHARD
    payloads = read_payloads(path)
    index = index_of(tf, payloads[2])
    write_shard(path, payloads[:2] + payloads[3:])
    assert faults() == [
        f'{SHARD}: has {len(payloads) - 1} records (expected {len(payloads)} as in '
        'the manifest)'
    ]
    remove_manifest(data)
    assert faults(with_index=True) == [
        f'{data}: 1 of 51 train examples are in no record: index {index} (expected each '
        'to be present, or declared absent in a manifest)'
    ]


def test_verify_swapped_records_report_the_order(faults, data, tf):
    path = data / SHARD
    payloads = read_payloads(path)
    first, second = index_of(tf, payloads[2]), index_of(tf, payloads[3])
    payloads[2:4] = payloads[3], payloads[2]
    write_shard(path, payloads)
    offset = frame_offset(path, 3)
    assert (
        f'{SHARD} at byte {offset:,}, index {first}: it comes after index {second} '
        '(expected before it)'
    ) in faults()


def test_verify_record_in_another_shard_reports_both_shards(faults, data, tf):
    path, other = data / SHARD, data / 'train-00003-of-00004'
    moved, *payloads = read_payloads(path)
    write_shard(path, payloads)
    offset = other.stat().st_size
    write_shard(other, [*read_payloads(other), moved])
    assert (
        f'{other.name} at byte {offset:,}, index {index_of(tf, moved)}: it is in '
        'shard 3 (expected in shard 1)'
    ) in faults()


def test_verify_other_image_of_equal_size_reports_digest(faults, change):
    def edit(features):
        encoded = features['image/encoded'].bytes_list.value
        changed = bytearray(encoded[0])
        changed[len(changed) // 2] ^= 1
        encoded[0] = bytes(changed)

    change(edit)
    [only] = faults()
    assert only.startswith(f'{SHARD}: the digest of its records is ')
    assert only.endswith(' as in the manifest)')


def test_verify_other_image_of_another_size_reports_bytes(faults, change, data):
    size = (data / SHARD).stat().st_size

    def edit(features):
        encoded = features['image/encoded'].bytes_list.value
        encoded[0] += b'more'  # decoders ignore what follows the end

    change(edit)
    assert faults() == [
        f'{SHARD}: has {size + 4} bytes (expected {size} as in the manifest)'
    ]


def test_verify_label_with_two_texts_is_reported_without_manifest(verify, change, data):
    def edit(features):
        features['image/class/text'].bytes_list.value[0] = b'another'

    change(edit)
    for path in data.glob('*.json'):
        path.unlink()
    ended = verify(data)
    assert ended.status == 1
    [line, _] = ended.err.splitlines()
    assert line == (
        f'error: {data}: label 667 is n03786901 (another) and n03786901 (mortar) '
        '(expected one synset and text)'
    )


def test_verify_many_faults_prints_the_first_20_and_the_count(verify, data):
    for path in data.glob('train-*-of-*'):
        write_shard(path, [b'\xff' * 30] * 30)
    ended = verify(data)
    assert ended.status == 1
    lines = ended.err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == (
        f'error: 120 faults in {data}, the first 20 above; to repair it, run the build '
        'command again with --check_kept'
    )
