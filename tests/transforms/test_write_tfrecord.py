import glob
import itertools
import os

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.elements import Record
from indexed_imagenet.transforms.formats.layout import shard_path
from indexed_imagenet.transforms.formats.shard_info import ShardInfo
from indexed_imagenet.transforms.formats.tfrecord import crc32c
from indexed_imagenet.transforms.write_tfrecord import ShardWriter, WriteToTFRecord
from support.reports import end_mark


def shard_of(shard, payloads):
    records = [Record(shard, i, 7 * i, (payload,)) for i, payload in enumerate(payloads)]
    return [*records, end_mark(shard, len(records))]


def write(new_pipeline, directory, *bundle):
    """Writes elements that come in one bundle, as from an encoding step."""
    with new_pipeline() as pipeline:
        return (
            pipeline
            | beam.Create([0])
            | beam.FlatMap(lambda _: bundle)
            | WriteToTFRecord(str(directory / 'train'), 3)
        )


def names(directory):
    return sorted(os.listdir(directory))


def test_write_to_tfrecord_beam_and_tensorflow_read_it(new_pipeline, tf, tmp_path):
    shards = [[b'one', b'', b'x' * 300_000], [], [b'three']]
    elements = itertools.chain(*(shard_of(i, s) for i, s in enumerate(shards)))
    with new_pipeline() as pipeline:
        reports = (
            pipeline
            | beam.Create([list(elements)])
            | beam.FlatMap(lambda bundle: bundle)
            | WriteToTFRecord(str(tmp_path / 'train'), 3)
            | beam.Map(lambda report: (report.shard, report.info.num_bytes))
        )
        sizes = [sum(len(payload) + 16 for payload in shard) for shard in shards]
        assert_that(reports, equal_to(list(enumerate(sizes))))
    paths = [shard_path(str(tmp_path / 'train'), i, 3) for i in range(3)]
    assert [os.path.getsize(path) for path in paths] == sizes
    for path, shard in zip(paths, shards, strict=True):
        assert [r.numpy() for r in tf.data.TFRecordDataset(path)] == shard
    with new_pipeline() as pipeline:
        read = pipeline | beam.io.ReadFromTFRecord(str(tmp_path / 'train-*'))
        assert_that(read, equal_to(list(itertools.chain(*shards))))


def test_write_to_tfrecord_bytes_equal_beam(new_pipeline, tmp_path):
    payloads = [b'%d' % i * i for i in range(50)]
    with new_pipeline() as pipeline:
        (
            pipeline
            | beam.Create([shard_of(0, payloads)])
            | beam.FlatMap(lambda bundle: bundle)
            | WriteToTFRecord(str(tmp_path / 'ours'), 1)
        )
    with new_pipeline() as pipeline:
        (
            pipeline
            | beam.Create(payloads, reshuffle=False)
            | beam.io.WriteToTFRecord(str(tmp_path / 'beams'), shard_name_template='')
        )
    ours = (tmp_path / 'ours-00000-of-00001').read_bytes()
    assert ours == (tmp_path / 'beams').read_bytes()


def test_write_to_tfrecord_is_subclass_of_beam_and_checks_num_shards():
    assert issubclass(WriteToTFRecord, beam.io.WriteToTFRecord)
    with pytest.raises(ValueError, match=r'num_shards is 0 \(expected at least 1\)'):
        WriteToTFRecord('train', 0)


@pytest.mark.parametrize(
    ('bundle', 'message'),
    [
        ([Record(0, 0, 0, (b'a',))], 'shard 0 has no end mark in its bundle'),
        (
            [Record(0, 1, 0, (b'a',))],
            r'got record 1 of shard 0 \(expected its own record 0\)',
        ),
        ([Record(0, 0, 0, (b'a',)), Record(1, 0, 0, (b'b',))], 'got record 0 of shard 1'),
        (
            [Record(0, 0, 0, (b'a',)), Record(0, 0, 0, (b'a',))],
            'got record 0 of .* record 1',
        ),
        ([Record(0, 0, 0, (b'a',)), end_mark(0, 2)], 'has 1 records, .* for 2 records'),
        ([Record(0, 0, 0, (b'a',)), end_mark(1, 1)], 'for 1 records of shard 1'),
    ],
)
def test_write_to_tfrecord_split_shard_raises_and_leaves_no_file(
    new_pipeline, tmp_path, bundle, message
):
    with pytest.raises(RuntimeError, match=message):
        write(new_pipeline, tmp_path, *bundle)
    assert names(tmp_path) == ['.build']
    assert names(tmp_path / '.build') == []


def test_write_to_tfrecord_unwanted_shard_leaves_no_file(new_pipeline, tmp_path):
    write(new_pipeline, tmp_path, Record(2, 0, 0, (b'a',)), end_mark(2, 1, wanted=False))
    assert names(tmp_path) == ['.build']
    assert names(tmp_path / '.build') == []


@pytest.mark.parametrize('shard', [0, 1])
def test_write_to_tfrecord_failed_commit_of_any_shard_raises(
    new_pipeline, tmp_path, monkeypatch, shard
):
    rename = storage.rename

    def refuse(source, target):
        if f'train-{shard:05d}' in target:
            raise OSError(5, 'Input/output error')
        rename(source, target)

    monkeypatch.setattr(storage, 'rename', refuse)
    bundle = [
        element for i in (0, 1) for element in (Record(i, 0, i, (b'a',)), end_mark(i, 1))
    ]
    with pytest.raises(Exception, match='Input/output error'):
        write(new_pipeline, tmp_path, *bundle)
    assert f'train-{shard:05d}-of-00003' not in names(tmp_path)
    assert not glob.glob(str(tmp_path / '.build' / '*.tmp'))


def test_shard_writer_file_gets_final_name_at_commit(tmp_path):
    (tmp_path / '.build').mkdir()
    writer = ShardWriter(str(tmp_path / 'train'), 0, 1)
    writer.write(Record(0, 0, 0, (b'payload',)))
    assert names(tmp_path) == ['.build']
    [temporary] = glob.glob(str(tmp_path / '.build' / 'train-00000-of-00001.*.tmp'))
    report = writer.commit(end_mark(0, 1))
    assert report.info.num_bytes == 7 + 16
    assert not os.path.exists(temporary)
    assert names(tmp_path) == ['.build', 'train-00000-of-00001']


def test_shard_writer_short_write_is_continued(tmp_path, monkeypatch):
    (tmp_path / '.build').mkdir()
    whole = os.writev
    monkeypatch.setattr(os, 'writev', lambda fd, parts: whole(fd, [parts[0][:5]]))
    writer = ShardWriter(str(tmp_path / 'train'), 0, 1)
    writer.write(Record(0, 0, 0, (b'payload',)))
    writer.commit(end_mark(0, 1))
    monkeypatch.undo()
    other = ShardWriter(str(tmp_path / 'other'), 0, 1)
    other.write(Record(0, 0, 0, (b'payload',)))
    other.commit(end_mark(0, 1))
    assert (tmp_path / 'train-00000-of-00001').read_bytes() == (
        tmp_path / 'other-00000-of-00001'
    ).read_bytes()


def test_shard_writer_two_attempts_at_one_shard_both_commit(tmp_path):
    (tmp_path / '.build').mkdir()
    writers = [ShardWriter(str(tmp_path / 'train'), 0, 1) for _ in range(2)]
    for writer in writers:
        writer.write(Record(0, 0, 0, (b'payload',)))
    for writer in writers:
        writer.commit(end_mark(0, 1))
    assert (tmp_path / 'train-00000-of-00001').stat().st_size == 7 + 16


def committed(tmp_path, *payloads):
    """Returns the writer of a shard with these records, and the report on it."""
    (tmp_path / '.build').mkdir(exist_ok=True)
    writer = ShardWriter(str(tmp_path / 'train'), 0, 1)
    for i, payload in enumerate(payloads):
        writer.write(Record(0, i, 7 * i, (payload,)))
    return writer, writer.commit(end_mark(0, len(payloads)))


def test_commit_shard_info_describes_file(tmp_path):
    _, report = committed(tmp_path, b'one', b'', b'three')
    info = report.info
    assert info.records.tolist() == [
        (0, 3, crc32c(b'one')),
        (7, 0, crc32c(b'')),
        (14, 5, crc32c(b'three')),
    ]
    data = (tmp_path / 'train-00000-of-00001').read_bytes()
    assert info.num_bytes == len(data)
    for offset, payload in zip(info.offsets(), [b'one', b'', b'three'], strict=True):
        assert data[offset + 12 : offset + 12 + len(payload)] == payload
    entry = tmp_path / '.build' / 'train' / 'train-00000-of-00001.json'
    entry = ShardInfo.from_json(entry.read_bytes())
    assert entry.records.tolist() == info.records.tolist()
    assert (entry.build_id, entry.rows) == ('build_id', 'rows')


def test_commit_fsyncs_and_checks_size_before_renaming(tmp_path, monkeypatch):
    done = []
    for module, name in ((os, 'fsync'), (storage, 'size'), (os, 'replace')):
        whole = getattr(module, name)

        def spy(*args, whole=whole, name=name):
            done.append((name, sorted(p.name[:11] for p in tmp_path.glob('train-*'))))
            return whole(*args)

        monkeypatch.setattr(module, name, spy)
    committed(tmp_path, b'one')
    assert [name for name, _ in done] == ['fsync', 'size', 'replace', 'replace']
    assert all(there == [] for _, there in done)
    assert names(tmp_path) == ['.build', 'train-00000-of-00001']


def test_commit_file_of_other_size_raises_and_leaves_no_shard(tmp_path, monkeypatch):
    whole = os.fsync

    def lose_a_byte(fd):
        whole(fd)
        os.truncate(fd, 3)

    monkeypatch.setattr(os, 'fsync', lose_a_byte)
    with pytest.raises(OSError, match=r'has 3 bytes \(expected 19\)'):
        committed(tmp_path, b'one')
    assert names(tmp_path) == ['.build']
