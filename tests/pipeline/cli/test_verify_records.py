"""``verify`` on damaged frames and wrong records."""

import pytest

from indexed_imagenet.sample.pictures import encode_rgb
from indexed_imagenet.transforms.formats.tfrecord import masked_crc32c
from support.verify import (
    SHARD,
    damage_scan,
    frame_offset,
    index_of,
    read_payloads,
    remove_manifest,
    write_shard,
)


class TestFrames:
    def test_verify_flipped_payload_byte_reports_crc(self, faults, data, tf):
        path = data / SHARD
        payloads = read_payloads(path)
        offset = frame_offset(path, 3)
        content = bytearray(path.read_bytes())
        place = offset + 12 + len(payloads[3]) // 2  # in the image
        content[place] ^= 1
        damaged = bytes(content[offset + 12 : offset + 12 + len(payloads[3])])
        path.write_bytes(content)
        index = index_of(tf, payloads[3])
        assert faults() == [
            f"{SHARD} at byte {offset:,}, index {index}: the data's masked crc32c is "
            f'{masked_crc32c(payloads[3]):#010x} (expected '
            f'{masked_crc32c(damaged):#010x} for its {len(damaged):,} bytes)'
        ]

    def test_verify_changed_length_reports_crc_and_unread_bytes(self, faults, data):
        path = data / SHARD
        offset, size = frame_offset(path, 3), path.stat().st_size
        content = bytearray(path.read_bytes())
        content[offset] ^= 1
        path.write_bytes(content)
        [only] = faults()
        assert only.startswith(f"{SHARD} at byte {offset:,}: the length's crc32c is 0x")
        assert only.endswith(f'; {size - offset:,} bytes cannot be read')

    def test_verify_changed_length_without_manifest_reports_lost_records(
        self, faults, data
    ):
        path = data / SHARD
        offset = frame_offset(path, 3)
        lost = len(read_payloads(path)) - 3
        content = bytearray(path.read_bytes())
        content[offset] ^= 1
        path.write_bytes(content)
        remove_manifest(data)
        _, second = faults(with_index=True)
        assert second.startswith(
            f'{data}: {lost} of 51 train examples are in no record: '
        )
        assert second.endswith(
            ' (expected each to be present, or declared absent in a manifest) (1 '
            'shard could not be read to the end)'
        )

    def test_verify_file_cut_within_a_frame_reports_length(self, faults, data):
        path = data / SHARD
        length = len(read_payloads(path)[5])
        offset = frame_offset(path, 5)
        path.write_bytes(path.read_bytes()[: offset + 100])
        assert faults()[0] == (
            f'{SHARD} at byte {offset:,}: the length is {length} (expected at most 84, '
            'the rest of the file); 100 bytes cannot be read'
        )

    def test_verify_file_cut_between_frames_reports_records(self, faults, data):
        path = data / SHARD
        count = len(read_payloads(path))
        offset = frame_offset(path, 5)
        path.write_bytes(path.read_bytes()[:offset])
        assert faults() == [
            f'{SHARD}: has 5 records (expected {count} as in the manifest)'
        ]

    def test_verify_bytes_after_the_last_frame_are_one_fault(self, faults, data):
        path = data / SHARD
        size = path.stat().st_size
        path.write_bytes(path.read_bytes() + b'more')
        assert faults() == [
            f'{SHARD} at byte {size:,}: 4 bytes follow (expected a frame of at least '
            '16); 4 bytes cannot be read'
        ]


class TestFeatures:
    @pytest.mark.parametrize(
        ('key', 'value', 'expected'),
        [
            ('image/height', 5, 'image/height is 5 (expected {0} as in the image)'),
            ('image/width', -7, 'image/width is -7 (expected {0} as in the image)'),
            ('image/channels', 1, 'image/channels is 1 (expected 3 as in every record)'),
            ('image/class/label', 0, 'image/class/label is 0 (expected 1 to 1000)'),
            ('index', 51, 'index is 51 (expected 0 to 50)'),
            ('index', -1, 'index is -1 (expected 0 to 50)'),
        ],
    )
    def test_verify_wrong_number_reports_both_values(
        self, faults, change, key, value, expected
    ):
        right = []

        def edit(features):
            right.append(features[key].int64_list.value[0])
            features[key].int64_list.value[0] = value

        place = change(edit)
        if key == 'index':
            place = place.partition(', index')[0] + (f', index {value}' * (value > 0))
        assert faults()[0] == f'{place}: {expected.format(*right)}'

    @pytest.mark.parametrize(
        ('key', 'value', 'expected'),
        [
            (
                'image/format',
                b'PNG',
                "image/format is 'PNG' (expected 'JPEG' as in every record)",
            ),
            (
                'image/class/synset',
                b'n1',
                "image/class/synset is 'n1' (expected 'n03786901' for label 667)",
            ),
            (
                'image/class/text',
                b'a\nb',
                "image/class/text is 'a\\\\nb' (expected 'mortar' for label 667)",
            ),
            (
                'image/encoded',
                b'',
                'image/encoded: empty: 0 bytes (expected a whole JPEG)',
            ),
        ],
    )
    def test_verify_wrong_text_reports_both_values(
        self, faults, change, key, value, expected
    ):
        def edit(features):
            features[key].bytes_list.value[0] = value

        place = change(edit)
        assert faults()[0] == f'{place}: {expected}'

    @pytest.mark.parametrize(
        ('encoded', 'expected'),
        [(b'GIF89a', 'a GIF image '), (b'<svg>', 'neither a JPEG nor a PNG')],
    )
    def test_verify_image_of_another_format_is_reported(
        self, faults, change, encoded, expected
    ):
        def edit(features):
            features['image/encoded'].bytes_list.value[0] = encoded

        place = change(edit)
        first = faults()[0]
        assert first.startswith(f'{place}: image/encoded: {expected}')
        assert first.endswith(' (expected a whole JPEG)')

    def test_verify_wrong_name_reports_it_or_the_digest(self, faults, change):
        right = []

        def edit(features):
            name = features['image/filename'].bytes_list.value
            right.append(name[0].decode())
            name[0] = b'n01739381_1.JPEG'

        place = change(edit)
        assert faults(with_index=True)[0] == (
            f"{place}: image/filename is 'n01739381_1.JPEG' (expected '{right[0]}' as in "
            'the index file)'
        )
        [without] = [line for line in faults() if 'digest of its indices' in line]
        assert without.startswith(
            f'{SHARD}: the digest of its indices, labels and names is '
        )
        assert without.endswith(' as in the manifest)')

    def test_verify_wrong_label_reports_label_and_synset(self, faults, change):
        found = []

        def edit(features):
            label = features['image/class/label'].int64_list.value
            label[0] = label[0] % 1000 + 1
            found.append(label[0])

        place = change(edit)
        label = found[0]
        lines = faults(with_index=True)
        assert lines[0] == (
            f'{place}: image/class/label is {label} (expected '
            f'{label - 1 or 1000} as in the index file)'
        )
        assert lines[1].startswith(f'{place}: image/class/synset is ')
        assert lines[1].endswith(f' for label {label})')

    def test_verify_missing_feature_is_reported(self, faults, change):
        def edit(features):
            del features['image/width']

        place = change(edit)
        assert (
            faults()[0] == f'{place}: image/width is missing (expected one int64 value)'
        )

    def test_verify_twelfth_feature_is_reported(self, faults, change):
        def edit(features):
            features['image/\x1b'].int64_list.value.append(1)

        place = change(edit)
        assert faults()[0] == (
            f"{place}: unknown feature 'image/\\\\x1b' (expected only "
            'the eleven of the format)'
        )

    def test_verify_feature_of_another_kind_is_reported(self, faults, change):
        def edit(features):
            features['image/height'].bytes_list.value.append(b'5')

        place = change(edit)
        assert faults()[0] == (
            f'{place}: image/height has 1 bytes value (expected one int64 value)'
        )

    def test_verify_feature_with_two_values_is_reported(self, faults, change):
        def edit(features):
            features['image/height'].int64_list.value.append(5)

        place = change(edit)
        assert faults()[0] == (
            f'{place}: image/height has 2 int64 values (expected one int64 value)'
        )

    def test_verify_record_that_is_not_an_example_is_reported(self, faults, data):
        path = data / SHARD
        payloads = read_payloads(path)
        offset = frame_offset(path, 2)
        payloads[2] = b'\xff' * 30
        write_shard(path, payloads)
        assert faults()[0].startswith(
            f'{SHARD} at byte {offset:,}: not a tf.train.Example: '
        )

    def test_verify_undecodable_image_is_reported_only_with_decode(
        self, faults, change, pixels
    ):
        """Its header and end are right, so only decoding finds the damage."""
        height, width, _ = pixels.shape
        damaged = damage_scan(encode_rgb(pixels, progressive=True))

        def edit(features):
            features['image/encoded'].bytes_list.value[0] = damaged
            features['image/height'].int64_list.value[0] = height
            features['image/width'].int64_list.value[0] = width

        place = change(edit)
        assert not any('image/encoded' in line for line in faults())
        first = faults('--decode')[0]
        assert first.startswith(f'{place}: image/encoded: damaged JPEG: ')
        assert first.endswith(' (expected a whole JPEG)')
