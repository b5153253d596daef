"""``verify`` names each planted fault exactly, and finds none in good data sets."""

import json
import pathlib
import re
import shutil

import numpy as np
import pytest

from indexed_imagenet.transforms.formats.shard_info import DECODE
from indexed_imagenet.transforms.formats.tfrecord import (
    crc32c,
    frame,
    masked_crc32c,
    read_frames,
)
from indexed_imagenet.transforms.images.check_image import InvalidImageError, check_image
from support.commands import build_command

SHARD = 'train-00001-of-00004'


@pytest.fixture(scope='module')
def good(golden, tmp_path_factory) -> pathlib.Path:
    """A good data set: the golden tree, built."""
    from indexed_imagenet.cli.main import main

    output = tmp_path_factory.mktemp('good') / 'out'
    assert main([*build_command(golden, output), '--direct_num_workers=1']) == 0
    return output


@pytest.fixture
def data(good, tmp_path) -> pathlib.Path:
    """A copy of the good data set that a test may spoil."""
    return pathlib.Path(shutil.copytree(good, tmp_path / 'data'))


@pytest.fixture
def verify(run, golden):
    def run_verify(directory, *flags, with_index=False):
        if with_index:
            flags = (*flags, f'--imagenet_index_file={golden}/imagenet_index.npz')
        return run('verify', directory, '--direct_num_workers=1', *flags)

    return run_verify


@pytest.fixture
def faults(verify, data):
    """Verifies the spoilt copy; gives each fault without its directory."""

    def find(*flags, **more) -> list[str]:
        ended = verify(data, *flags, **more)
        assert ended.status == 1, ended
        assert 'Traceback' not in ended.err
        lines = [line.removeprefix('error: ') for line in ended.err.splitlines()]
        assert re.search(f'^[0-9,]+ faults? in {re.escape(str(data))}', lines[-1])
        return [line.removeprefix(f'{data}/') for line in lines[:-1]]

    return find


def payloads_of(path) -> list[bytes]:
    return [found.payload for found in read_frames(str(path))]


def write(path, payloads) -> None:
    path.write_bytes(b''.join(b''.join(frame([p], crc32c(p))) for p in payloads))


def offset_of(path, number) -> int:
    return sum(len(payload) + 16 for payload in payloads_of(path)[:number])


def index_of(tf, payload) -> int:
    example = tf.train.Example.FromString(payload)
    return example.features.feature['index'].int64_list.value[0]


@pytest.fixture
def change(tf, data):
    """Changes one record of a shard; gives its place as it is told."""

    def change_record(edit, number=2, shard=SHARD) -> str:
        path = data / shard
        payloads = payloads_of(path)
        example = tf.train.Example.FromString(payloads[number])
        index = example.features.feature['index'].int64_list.value[0]
        edit(example.features.feature)
        payloads[number] = example.SerializeToString(deterministic=True)
        offset = offset_of(path, number)
        write(path, payloads)
        return f'{shard} at byte {offset:,}, index {index}'

    return change_record


def spoil_tables(encoded) -> bytes:
    """A JPEG that the quick check takes and the decoder does not."""
    for place in range(20, len(encoded)):
        spoilt = bytearray(encoded)
        spoilt[place] ^= 0x40
        try:
            check_image(bytes(spoilt))
        except InvalidImageError:
            continue
        try:
            check_image(bytes(spoilt), DECODE)
        except InvalidImageError:
            return bytes(spoilt)
    raise AssertionError('there is no such place')


class TestGood:
    def test_a_good_data_set(self, verify, good):
        ended = verify(good)
        assert (ended.status, ended.err) == (0, '')
        train, validation = ended.out.splitlines()
        assert train.startswith(
            'train: 51 examples in 4 shards, each index once, names and labels match the '
            "manifest's digests, manifest and offsets match, fingerprint sha256 "
        )
        fingerprint = json.loads((good / 'validation.json').read_text())['fingerprint']
        assert validation.endswith(f'fingerprint sha256 {fingerprint}')

    def test_with_the_index_and_each_picture_decoded(self, verify, good, golden):
        ended = verify(good, '--split=train', '--decode', with_index=True)
        assert (ended.status, ended.err) == (0, '')
        [line] = ended.out.splitlines()
        assert f'names and labels match {golden}/imagenet_index.npz' in line
        assert 'every image decoded' in line

    def test_an_incomplete_one_with_its_gaps_declared(
        self, build, tree, verify, tmp_path
    ):
        images = sorted((tree / 'train').glob('*/*'))
        images[3].unlink()
        images[7].write_bytes(b'')
        assert build('--bad_images=skip').status == 0
        ended = verify(tmp_path / 'out')
        assert (ended.status, ended.err) == (0, '')
        assert '49 examples' in ended.out
        assert '2 declared missing' in ended.out

    def test_what_the_original_builder_made(self, verify, golden, tmp_path):
        for split in ('train', 'validation'):
            made = golden / f'expected-{split}.tfrecord'
            shutil.copy(made, tmp_path / f'{split}-00000-of-00001')
        ended = verify(tmp_path)
        assert (ended.status, ended.err) == (0, '')
        assert all(
            'Only structure and uniqueness were checked' in line
            for line in ended.out.splitlines()
        )
        ended = verify(tmp_path, with_index=True)
        assert (ended.status, ended.err) == (0, '')
        assert 'Only structure' not in ended.out

    def test_what_a_plain_loop_wrote(self, verify, good, tf, tmp_path):
        examples = []
        for path in sorted(good.glob('train-*-of-*')):
            for record in tf.data.TFRecordDataset(str(path)):
                examples.append(tf.train.Example.FromString(record.numpy()))
        for number in range(2):
            path = str(tmp_path / f'train-{number:05d}-of-00002')
            with tf.io.TFRecordWriter(path) as writer:
                for example in examples[number::2]:
                    writer.write(example.SerializeToString())
        for with_index in (False, True):
            ended = verify(tmp_path, with_index=with_index)
            assert (ended.status, ended.err) == (0, '')
            assert 'train: 51 examples in 2 shards' in ended.out

    def test_by_several_workers(self, run, good):
        ended = run('verify', good, '--direct_num_workers=2')
        assert (ended.status, ended.err) == (0, '')
        assert len(ended.out.splitlines()) == 2


class TestFaultsOfFrames:
    def test_a_payload_byte_is_flipped(self, faults, data, tf):
        path = data / SHARD
        payloads = payloads_of(path)
        offset = offset_of(path, 3)
        content = bytearray(path.read_bytes())
        place = offset + 12 + len(payloads[3]) // 2  # in the picture
        content[place] ^= 1
        damaged = bytes(content[offset + 12 : offset + 12 + len(payloads[3])])
        path.write_bytes(content)
        index = index_of(tf, payloads[3])
        first, *others = faults()
        assert first == (
            f"{SHARD} at byte {offset:,}, index {index}: the data's masked crc32c is "
            f'{masked_crc32c(payloads[3]):#010x}, expected '
            f'{masked_crc32c(damaged):#010x} as of the {len(damaged):,} bytes there'
        )
        assert any(line.startswith('train.json: fingerprint is ') for line in others)
        assert any(f'train.index.npz, index {index}: crc32c' in line for line in others)

    def test_a_length_is_changed(self, faults, data):
        path = data / SHARD
        offset, size = offset_of(path, 3), path.stat().st_size
        lost = len(payloads_of(path)) - 3
        content = bytearray(path.read_bytes())
        content[offset] ^= 1
        path.write_bytes(content)
        first, second, *others = faults()
        assert first.startswith(f"{SHARD} at byte {offset:,}: the length's crc32c is 0x")
        assert first.endswith(f'; {size - offset:,} bytes cannot be read')
        assert f': {lost} of 51 train examples are in no record: index ' in second
        assert '(1 shard(s) could not be read to the end)' in second
        assert others == []

    def test_a_file_ends_within_a_frame(self, faults, data):
        path = data / SHARD
        offset = offset_of(path, 5)
        path.write_bytes(path.read_bytes()[: offset + 100])
        first = faults()[0]
        assert first.startswith(f'{SHARD} at byte {offset:,}: the length is ')
        assert 'expected at most 84 in what is left of the file; 100 bytes' in first

    def test_a_file_ends_between_frames(self, faults, data):
        path = data / SHARD
        count, size = len(payloads_of(path)), path.stat().st_size
        offset = offset_of(path, 5)
        path.write_bytes(path.read_bytes()[:offset])
        first, second, *_ = faults()
        assert first == f'{SHARD}: it has 5 records, expected {count} as in the manifest'
        assert (
            second
            == f'{SHARD}: it has {offset} bytes, expected {size} as in the manifest'
        )

    def test_bytes_follow_the_last_frame(self, faults, data):
        path = data / SHARD
        size = path.stat().st_size
        path.write_bytes(path.read_bytes() + b'more')
        assert faults() == [
            f'{SHARD} at byte {size:,}: 4 bytes follow, expected a frame of at least 16; '
            '4 bytes cannot be read'
        ]


class TestFaultsOfRecords:
    @pytest.mark.parametrize(
        ('key', 'value', 'told'),
        [
            ('image/height', 5, 'image/height is 5, expected {0} as in the picture'),
            ('image/width', -7, 'image/width is -7, expected {0} as in the picture'),
            ('image/channels', 1, 'image/channels is 1, expected 3 as in every record'),
            ('image/class/label', 0, 'image/class/label is 0, expected 1 to 1000'),
            ('index', 51, 'index is 51, expected 0 to 50'),
            ('index', -1, 'index is -1, expected 0 to 50'),
        ],
    )
    def test_a_number_is_wrong(self, faults, change, key, value, told):
        right = []

        def edit(features):
            right.append(features[key].int64_list.value[0])
            features[key].int64_list.value[0] = value

        place = change(edit)
        if key == 'index':
            place = place.partition(', index')[0] + (f', index {value}' * (value > 0))
        assert faults()[0] == f'{place}: {told.format(*right)}'

    @pytest.mark.parametrize(
        ('key', 'value', 'told'),
        [
            ('image/format', b'PNG', "image/format is 'PNG', expected 'JPEG' as in"),
            ('image/class/synset', b'n1', "image/class/synset is 'n1', expected 'n"),
            ('image/class/text', b'a\nb', "image/class/text is 'a\\\\nb', expected "),
            ('image/encoded', b'GIF89a', 'image/encoded: neither a JPEG nor a PNG'),
            ('image/encoded', b'', 'image/encoded: empty: 0 bytes, expected a whole'),
        ],
    )
    def test_a_text_is_wrong(self, faults, change, key, value, told):
        def edit(features):
            features[key].bytes_list.value[0] = value

        place = change(edit)
        assert faults()[0].startswith(f'{place}: {told}')

    def test_a_name_is_wrong(self, faults, change, data):
        def edit(features):
            features['image/filename'].bytes_list.value[0] = b'n01739381_1.JPEG'

        place = change(edit)
        with_index = faults(with_index=True)[0]
        assert with_index.startswith(
            f"{place}: image/filename is 'n01739381_1.JPEG', expected 'n"
        )
        assert with_index.endswith("' as in the index file")
        without = [line for line in faults() if 'digest of its indices' in line]
        assert len(without) == 1
        assert without[0].startswith(
            f'{SHARD}: the digest of its indices, labels and names is '
        )

    def test_a_label_is_wrong(self, faults, change, tf, data, golden):
        found = []

        def edit(features):
            label = features['image/class/label'].int64_list.value
            label[0] = label[0] % 1000 + 1
            found.append(label[0])

        place = change(edit)
        label = found[0]
        told = faults(with_index=True)
        assert told[0] == (
            f'{place}: image/class/label is {label}, expected '
            f'{label - 1 or 1000} as in the index file'
        )
        assert 'image/class/synset is ' in told[1]

    def test_a_feature_is_missing(self, faults, change):
        def edit(features):
            del features['image/width']

        place = change(edit)
        expected = f'{place}: image/width is not there, expected one int64 value'
        assert faults()[0] == expected

    def test_there_is_a_twelfth_feature(self, faults, change):
        def edit(features):
            features['image/\x1b'].int64_list.value.append(1)

        place = change(edit)
        assert faults()[0] == (
            f"{place}: 'image/\\\\x1b' is no feature of a record, expected only eleven"
        )

    def test_a_feature_is_of_another_kind(self, faults, change):
        def edit(features):
            features['image/height'].bytes_list.value.append(b'5')

        place = change(edit)
        assert faults()[0] == (
            f'{place}: image/height has 1 bytes value(s), expected one int64 value'
        )

    def test_a_feature_has_two_values(self, faults, change):
        def edit(features):
            features['image/height'].int64_list.value.append(5)

        place = change(edit)
        assert faults()[0] == (
            f'{place}: image/height has 2 int64 value(s), expected one int64 value'
        )

    def test_a_record_is_no_example(self, faults, data):
        path = data / SHARD
        payloads = payloads_of(path)
        offset = offset_of(path, 2)
        payloads[2] = b'\xff' * 30
        write(path, payloads)
        assert faults()[0].startswith(
            f'{SHARD} at byte {offset:,}: no tf.train.Example: '
        )

    def test_a_picture_does_not_decode(self, faults, change, data):
        """Its header and end are right, so only decoding shows it."""

        def edit(features):
            encoded = features['image/encoded'].bytes_list.value
            encoded[0] = spoil_tables(encoded[0])

        place = change(edit)
        assert not any('image/encoded' in line for line in faults())
        told = faults('--decode')
        assert told[0].startswith(f'{place}: image/encoded: damaged JPEG: ')
        assert told[0].endswith('expected a whole JPEG')


class TestFaultsOfTheWhole:
    def test_a_shard_is_missing(self, faults, data):
        count = len(payloads_of(data / SHARD))
        (data / SHARD).unlink()
        told = faults()
        assert told[0] == f'{SHARD}: it is not there, expected as in the manifest'
        assert any(f'{count} of 51 train examples are in no record' in x for x in told)

    def test_a_shard_of_another_number_is_there(self, faults, data):
        shutil.copy(data / SHARD, data / 'train-00000-of-00009')
        assert faults() == [
            'train-00000-of-00009: it is there, expected none but those in the manifest'
        ]

    def test_a_record_is_there_twice(self, faults, data, tf):
        path = data / SHARD
        payloads = payloads_of(path)
        index, size = index_of(tf, payloads[2]), path.stat().st_size
        offset = offset_of(path, 2)
        write(path, [*payloads, payloads[2]])
        assert (
            f'{SHARD} at byte {size:,}, index {index}: {path} at byte {offset:,} has it '
            'too, expected each index once'
        ) in faults()

    def test_a_record_is_left_out(self, faults, data, tf):
        path = data / SHARD
        payloads = payloads_of(path)
        index = index_of(tf, payloads[2])
        write(path, payloads[:2] + payloads[3:])
        assert any(
            line.endswith(
                f'1 of 51 train examples are in no record: index {index}; expected each '
                'to be there, or declared to be absent in a manifest'
            )
            for line in faults()
        )
        (data / 'train.json').unlink()
        [only] = faults(with_index=True)
        assert f'in no record: index {index}; expected each' in only

    def test_two_records_are_swapped(self, faults, data, tf):
        path = data / SHARD
        payloads = payloads_of(path)
        first, second = index_of(tf, payloads[2]), index_of(tf, payloads[3])
        payloads[2:4] = payloads[3], payloads[2]
        write(path, payloads)
        offset = offset_of(path, 3)
        assert (
            f'{SHARD} at byte {offset:,}, index {first}: it stands after index {second}, '
            'expected before it'
        ) in faults()

    def test_a_record_is_in_another_shard(self, faults, data, tf):
        path, other = data / SHARD, data / 'train-00003-of-00004'
        moved, *payloads = payloads_of(path)
        write(path, payloads)
        offset = other.stat().st_size
        write(other, [*payloads_of(other), moved])
        assert (
            f'{other.name} at byte {offset:,}, index {index_of(tf, moved)}: it is in '
            'shard 3, expected in shard 1'
        ) in faults()

    def test_a_picture_is_replaced_by_another_of_its_size(self, faults, change, data):
        def edit(features):
            encoded = features['image/encoded'].bytes_list.value
            changed = bytearray(encoded[0])
            changed[len(changed) // 2] ^= 1
            encoded[0] = bytes(changed)

        change(edit)
        told = faults()
        assert told[0].startswith(f'{SHARD}: the digest of its records is ')
        assert any(line.startswith('train.json: fingerprint is ') for line in told)

    def test_the_manifest_is_changed(self, faults, data):
        path = data / 'train.json'
        fields = json.loads(path.read_text())
        right = fields['fingerprint']
        fields['fingerprint'] = 'f' * 64
        fields['classes'] = 9
        path.write_text(json.dumps(fields))
        assert faults() == [
            'train.json: classes is 9, expected 8 as in the shards',
            f'train.json: fingerprint is {"f" * 64}, expected {right} as in the shards',
        ]

    def test_an_example_is_there_that_is_declared_to_be_absent(self, faults, data):
        path = data / 'train.json'
        fields = json.loads(path.read_text())
        fields['missing'] = [7]
        path.write_text(json.dumps(fields))
        assert faults() == [
            'train.json, index 7: it is there, but the manifest declares it to be absent'
        ]

    def test_the_manifest_tells_of_more_than_there_can_be(self, faults, data):
        """No memory is taken for what a stranger claims."""
        path = data / 'train.json'
        fields = json.loads(path.read_text())
        fields['examples'] = fields['identity']['num_examples'] = 2_000_000_000
        path.write_text(json.dumps(fields))
        size = sum(shard.stat().st_size for shard in data.glob('train-*-of-*'))
        assert faults()[0] == (
            'train.json: it tells of 2,000,000,000 examples, which '
            f'{size:,} bytes of shards cannot hold'
        )
        fields['examples'] = 51
        path.write_text(json.dumps(fields))
        assert 'it tells of 51 examples, but the index has 2000000000' in faults()[0]

    def test_the_manifest_is_no_manifest(self, faults, data):
        (data / 'train.json').write_text('{')
        assert faults()[0].startswith('train.json: is no manifest: ')

    def test_the_manifest_is_of_another_index(self, faults, data, golden, tmp_path):
        with np.load(golden / 'imagenet_index.npz') as index:
            arrays = dict(index)
        names = arrays['tr_filenames']
        names[:2] = names[1::-1]
        np.savez(tmp_path / 'other.npz', **arrays)
        told = faults(f'--imagenet_index_file={tmp_path}/other.npz')
        assert told[0] == (
            f'train.json: it is of another index than {tmp_path}/other.npz, expected the '
            'same names and labels'
        )
        assert sum('image/filename is ' in line for line in told) == 2

    @pytest.mark.parametrize('name', ['shard', 'offset', 'length', 'crc32c'])
    def test_the_locator_is_changed(self, faults, data, name):
        path = data / 'train.index.npz'
        with np.load(path) as file:
            arrays = dict(file)
        right = int(arrays[name][9])
        arrays[name][9] += 1
        np.savez(path, **arrays)
        assert faults() == [
            f'train.index.npz, index 9: {name} is {right + 1}, expected {right} as in '
            'the shards (1 such value(s))'
        ]

    def test_the_locator_is_missing_or_none(self, faults, data):
        path = data / 'train.index.npz'
        path.write_bytes(path.read_bytes()[:300])
        assert faults()[0].startswith('train.index.npz: cannot be read: ')
        path.unlink()
        assert faults() == [
            'train.index.npz: it is not there, expected beside the manifest'
        ]

    def test_the_build_is_unfinished(self, tree, build, verify, tmp_path):
        (tree / 'train' / 'n01739381' / 'n01739381_1309.JPEG').write_bytes(b'')
        assert build().status == 1
        ended = verify(tmp_path / 'out', '--split=train')
        assert ended.status == 1
        assert 'so the build is unfinished; give its command again' in ended.err

    def test_a_label_has_two_texts_and_nothing_else_tells(self, verify, change, data):
        def edit(features):
            features['image/class/text'].bytes_list.value[0] = b'another'

        change(edit)
        for path in data.glob('*.json'):
            path.unlink()
        ended = verify(data)
        assert ended.status == 1
        assert '(another)' in ended.err
        assert 'expected one synset and text' in ended.err

    def test_many_faults_are_counted_and_the_first_told(self, verify, data):
        for path in data.glob('train-*-of-*'):
            write(path, [b'\xff' * 30] * 30)
        ended = verify(data)
        assert ended.status == 1
        lines = ended.err.splitlines()
        assert len(lines) == 21
        assert 'faults in' in lines[-1]
        assert 'the first 20 above' in lines[-1]
        assert int(lines[-1].split()[1].replace(',', '')) > 120


class TestRefused:
    """Exit status 2: there is nothing that could be verified."""

    @pytest.mark.parametrize(
        ('directory', 'flags', 'told'),
        [
            ('none', [], 'no such directory'),
            ('file', [], 'is a file, expected a directory'),
            ('empty', [], 'holds no shards (train-00000-of-01024, …)'),
            ('data', ['--split=test'], 'split: invalid choice'),
            ('data', ['--train_shards=3'], '--train_shards is a flag of build, not of'),
            ('data', ['--decod'], 'unknown flag --decod'),
            ('data', ['--imagenet_index_file=none.npz'], 'none.npz does not exist'),
        ],
    )
    def test_one_line_says_why(self, verify, data, tmp_path, directory, flags, told):
        (tmp_path / 'empty').mkdir()
        (tmp_path / 'file').touch()
        ended = verify(tmp_path / directory, *flags)
        assert ended.status == 2, ended
        [line] = ended.err.splitlines()
        assert line.startswith('error: ')
        assert told in line

    def test_no_directory(self, run):
        ended = run('verify')
        assert ended.status == 2
        assert 'DIR' in ended.err

    def test_a_split_that_is_not_there(self, verify, data):
        for path in data.glob('validation*'):
            path.unlink()
        ended = verify(data, '--split=validation')
        assert ended.status == 2
        assert 'holds no validation shards, only those of train' in ended.err
