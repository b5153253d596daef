"""``verify`` reports each damaged shard once, and the fingerprint of equal features."""

import json
import pathlib
import random
import shutil

import pytest

from indexed_imagenet.report.progress import ProgressWatcher
from indexed_imagenet.report.verify_progress import CheckedShardsReader
from indexed_imagenet.transforms.formats.tfrecord import crc32c, frame, read_frames
from support.commands import build_command

SHARD = 'train-00001-of-00004'
REPAIR = '; to repair it, run the build command again with --check_kept'


@pytest.fixture(scope='module')
def good(golden, tmp_path_factory) -> pathlib.Path:
    """A good data set: the golden tree, built."""
    from indexed_imagenet.cli.main import main

    output = tmp_path_factory.mktemp('good') / 'out'
    assert main([*build_command(golden, output), '--direct_num_workers=1']) == 0
    return output


@pytest.fixture
def data(good, tmp_path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(good, tmp_path / 'data'))


@pytest.fixture
def faults(run, data):
    """Verifies the damaged copy; gives each line without its directory."""

    def find(*flags) -> list[str]:
        ended = run('verify', data, '--direct_num_workers=1', *flags)
        assert ended.status == 1, ended
        lines = [line.removeprefix('error: ') for line in ended.err.splitlines()]
        return [line.replace(f'{data}/', '') for line in lines]

    return find


def frames_of(path) -> list:
    return list(read_frames(str(path)))


def write(path, payloads) -> None:
    path.write_bytes(b''.join(b''.join(frame([p], crc32c(p))) for p in payloads))


def flip(path, *places) -> None:
    content = bytearray(path.read_bytes())
    for place in places:
        content[place] ^= 1
    path.write_bytes(content)


def inside(found) -> int:
    """A byte of the image of a record."""
    return found.offset + 12 + len(found.payload) // 2


def flip_one(path):
    flip(path, inside(frames_of(path)[3]))


def flip_several(path):
    flip(path, *map(inside, frames_of(path)[2:6]))


def flip_length(path):
    flip(path, frames_of(path)[3].offset)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def cut_between_frames(path):
    path.write_bytes(path.read_bytes()[: frames_of(path)[5].offset])


def empty(path):
    path.write_bytes(b'')


def delete(path):
    path.unlink()


def replace_image(path):
    payloads = [found.payload for found in frames_of(path)]
    changed = bytearray(payloads[2])
    changed[len(changed) // 2] ^= 1
    payloads[2] = bytes(changed)
    write(path, payloads)


@pytest.mark.parametrize(
    ('damage', 'what'),
    [
        (flip_one, "the data's masked crc32c is "),
        (flip_several, '(and 3 more such places)'),
        (flip_length, "the length's crc32c is "),
        (cut, ' cannot be read'),
        (cut_between_frames, 'has 5 records (expected '),
        (empty, 'has 0 records (expected '),
        (delete, 'missing; the manifest lists it'),
        (replace_image, 'the digest of its records is '),
    ],
)
def test_each_damaged_shard_is_one_line_without_its_consequences(
    faults, data, damage, what
):
    damage(data / SHARD)
    damage(data / 'train-00003-of-00004')
    lines = faults()
    assert len(lines) == 3, lines
    named = sorted(line[: len(SHARD)] for line in lines[:2])
    assert named == [SHARD, 'train-00003-of-00004']
    assert all(what in line for line in lines[:2])
    assert lines[2] == f'2 faults in {data}{REPAIR}'


def test_a_fault_of_the_offsets_of_another_shard_is_still_reported(faults, data):
    import numpy as np

    flip_one(data / SHARD)
    path = data / 'train.offsets.npz'
    arrays = dict(np.load(path))
    index = int(np.flatnonzero(arrays['shard'] == 2)[0])
    arrays['crc32c'][index] += 1
    arrays['crc32c'][np.flatnonzero(arrays['shard'] == 1)] += 1
    np.savez(path, **arrays)
    lines = faults()
    assert len(lines) == 3
    assert lines[1].startswith(f'train.offsets.npz, index {index}: crc32c is ')
    assert '; 1 such value)' in lines[1]


def test_the_command_it_names_repairs_the_set(faults, build, data, run, tmp_path):
    flip_one(data / SHARD)
    assert faults()[-1].endswith(REPAIR)
    data.rename(tmp_path / 'out')
    assert build('--check_kept').status == 0
    assert run('verify', tmp_path / 'out').status == 0


def test_a_damaged_set_without_a_manifest(faults, data):
    flip_one(data / SHARD)
    for path in data.glob('*.json'):
        path.unlink()
    assert faults('--split=train')[-1] == (
        f'1 fault in {data}; if indexed-imagenet built it, run the build command again '
        'with --check_kept to repair it'
    )


def fingerprints(ended) -> list[str]:
    assert (ended.status, ended.err) == (0, '')
    return [line.partition('sha256 ')[2][:64] for line in ended.out.splitlines()]


class TestFingerprint:
    """That of the canonical bytes, whoever wrote the records."""

    @pytest.fixture
    def ours(self, good):
        return [
            json.loads((good / f'{split}.json').read_text())['fingerprint']
            for split in ('train', 'validation')
        ]

    @staticmethod
    def shuffle(tf, payload, seed) -> bytes:
        """The same features, each a Features message of its own, in another order."""
        features = tf.train.Example.FromString(payload).features.feature
        keys = sorted(features)
        random.Random(seed).shuffle(keys)
        made = b''
        for key in keys:
            part = tf.train.Features()
            part.feature[key].CopyFrom(features[key])
            made += part.SerializeToString()
        length, head = len(made), bytearray([0x0A])
        while length > 0x7F:
            head.append(length & 0x7F | 0x80)
            length >>= 7
        return bytes(head) + bytes([length]) + made

    @pytest.fixture
    def shuffled(self, golden, tf, tmp_path):
        """What the original builder made, the fields in another order."""
        for split in ('train', 'validation'):
            payloads = [
                self.shuffle(tf, found.payload, seed)
                for seed, found in enumerate(
                    frames_of(golden / f'expected-{split}.tfrecord')
                )
            ]
            write(tmp_path / f'{split}-00000-of-00001', payloads)
        return tmp_path

    def test_shuffled_fields_have_our_fingerprint(self, run, golden, shuffled, ours):
        for flags in ([], [f'--imagenet_index_file={golden}/imagenet_index.npz']):
            ended = run('verify', shuffled, '--direct_num_workers=1', *flags)
            assert fingerprints(ended) == ours
            assert '51 records encoded in another form than the build' in ended.out

    def test_our_own_records_are_in_our_form(self, run, good, ours):
        ended = run('verify', good, '--direct_num_workers=1')
        assert fingerprints(ended) == ours
        assert 'another form' not in ended.out

    @pytest.mark.parametrize('change', ['missing', 'extra'])
    def test_no_fingerprint_if_a_feature_is_missing_or_extra(
        self, run, shuffled, tf, change
    ):
        path = shuffled / 'train-00000-of-00001'
        payloads = [found.payload for found in frames_of(path)]
        example = tf.train.Example.FromString(payloads[4])
        if change == 'missing':
            del example.features.feature['image/format']
        else:
            example.features.feature['more'].int64_list.value.append(1)
        payloads[4] = example.SerializeToString()
        write(path, payloads)
        ended = run('verify', shuffled, '--split=train', '--direct_num_workers=1')
        assert ended.status == 1
        assert 'sha256' not in ended.out + ended.err

    def test_a_record_in_another_form_in_our_set_is_a_fault(self, faults, data, tf):
        path = data / SHARD
        payloads = [found.payload for found in frames_of(path)]
        payloads[2] = self.shuffle(tf, payloads[2], 0)
        write(path, payloads)
        first, last = faults()
        assert first.endswith(
            'not encoded as the build encodes these features (expected its bytes)'
        )
        assert last == f'1 fault in {data}{REPAIR}'

    def test_also_if_the_manifest_agrees_with_it(self, faults, data, tf):
        from indexed_imagenet.transforms.formats.shard_info import (
            RECORD_DTYPE,
            digest_records,
        )
        from indexed_imagenet.transforms.verify.findings import ShardTask
        from indexed_imagenet.transforms.verify.record import RecordSpec
        from indexed_imagenet.transforms.verify.shard import verify_shard

        path = data / SHARD
        payloads = [found.payload for found in frames_of(path)]
        payloads[2] = self.shuffle(tf, payloads[2], 0)
        write(path, payloads)
        task = ShardTask(str(path), 1, None)
        records = verify_shard(task, RecordSpec(None, None, 'quick'), None).records
        fields = json.loads((data / 'train.json').read_text())
        digest = digest_records(records[list(RECORD_DTYPE.names)].astype(RECORD_DTYPE))
        fields['shards'][1] |= {'digest': digest, 'bytes': path.stat().st_size}
        (data / 'train.json').write_text(json.dumps(fields))
        assert any('not encoded as the build encodes' in line for line in faults())


class TestProgress:
    """Workers note each checked shard in the report folder."""

    class Check:
        def __init__(self, split, entries):
            class Entry:
                def __init__(self, records):
                    self.records = records

            class Task:
                def __init__(self, entry):
                    self.entry = None if entry is None else Entry(entry)

            class Spec:
                pass

            self.spec = Spec()
            self.spec.split = split
            self.tasks = tuple(map(Task, entries))

    def test_records_are_counted_if_manifests_say_how_many(self, tmp_path):
        checks = [self.Check('train', [5, 6]), self.Check('validation', [3])]
        reader = CheckedShardsReader(str(tmp_path), checks)
        assert (reader.unit, reader.totals) == ('records', {'train': 11, 'validation': 3})
        for name in ('train-00001-of-00002.6.checked', 'train.json'):
            (tmp_path / name).touch()
        reader.update()
        assert reader.records == {'train': 6}

    def test_shards_are_counted_otherwise(self, tmp_path):
        reader = CheckedShardsReader(str(tmp_path), [self.Check('train', [None, None])])
        (tmp_path / 'train-00001-of-00002.6.checked').touch()
        reader.update()
        assert (reader.unit, reader.totals) == ('shards', {'train': 2})
        assert reader.records == {'train': 1}

    def test_a_folder_that_is_gone_says_nothing(self, tmp_path):
        reader = CheckedShardsReader(f'{tmp_path}/gone', [self.Check('train', [2])])
        reader.update()
        assert reader.records == {}

    def test_verify_leaves_a_note_on_each_shard(self, run, good, monkeypatch):
        seen = []

        class Watcher(ProgressWatcher):
            def __exit__(self, *exc_info):
                super().__exit__(*exc_info)
                seen.append(self._shards.records)

        monkeypatch.setattr('indexed_imagenet.cli.verify.ProgressWatcher', Watcher)
        ended = run('verify', good, '--direct_num_workers=1')
        assert (ended.status, ended.err) == (0, '')
        manifests = {
            split: json.loads((good / f'{split}.json').read_text())['examples']
            for split in ('train', 'validation')
        }
        assert seen == [manifests]
