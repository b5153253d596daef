"""``verify`` on splits whose shards are wrong together: lost, moved, repeated records."""

import shutil

from support.verify import SHARD, frame_offset, index_of, read_payloads, write_shard


def test_verify_missing_shard_reports_it_and_its_examples(faults, data):
    count = len(read_payloads(data / SHARD))
    (data / SHARD).unlink()
    lines = faults()
    assert lines[0] == f'{SHARD}: missing; the manifest lists it'
    assert any(f'{count} of 51 train examples are in no record' in x for x in lines)


def test_verify_missing_shard_without_manifest_is_reported(faults, data):
    for name in (SHARD, 'train.json'):
        (data / name).unlink()
    assert faults()[0] == f'{SHARD}: missing; the others are of 4 shards'


def test_verify_shard_of_another_count_is_unexpected(faults, data):
    name = 'train-00000-of-00009'
    shutil.copy(data / SHARD, data / name)
    assert faults() == [f'{name}: unexpected file (expected only those in the manifest)']
    (data / 'train.json').unlink()
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
    expected = (
        f'{data}: 1 of 51 train examples are in no record: index {index} (expected each '
        'to be present, or declared absent in a manifest)'
    )
    assert expected in faults()
    (data / 'train.json').unlink()
    assert faults(with_index=True) == [expected]


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
    lines = faults()
    assert lines[0].startswith(f'{SHARD}: the digest of its records is ')
    assert any(line.startswith('train.json: fingerprint is ') for line in lines)


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
    assert 'faults in' in lines[-1]
    assert 'the first 20 above' in lines[-1]
    assert int(lines[-1].split()[1].replace(',', '')) > 120
