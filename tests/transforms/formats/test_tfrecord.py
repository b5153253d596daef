import io
import os
import struct

import pytest
from apache_beam.io.tfrecordio import _TFRecordUtil
from hypothesis import given, settings
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.tfrecord import (
    OVERHEAD,
    CorruptFrame,
    Frame,
    crc32c,
    crc32c_of_parts,
    frame,
    masked_crc32c,
    read_frames,
)
from support import fake_store


@given(st.binary(max_size=1000))
def test_frame_any_payload_equals_beam(payload):
    file = io.BytesIO()
    _TFRecordUtil.write_record(file, payload)
    framed = b''.join(frame([payload], crc32c(payload)))
    assert framed == file.getvalue()
    assert len(framed) == len(payload) + OVERHEAD


@given(st.lists(st.binary(max_size=100)))
def test_frame_parts_equal_frame_of_joined_payload(parts):
    payload = b''.join(parts)
    crc = crc32c_of_parts(parts)
    assert crc == crc32c(payload)
    assert b''.join(frame(parts, crc)) == b''.join(frame([payload], crc))


def write(path, payloads):
    path.write_bytes(b''.join(b''.join(frame([p], crc32c(p))) for p in payloads))
    return str(path)


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_read_frames_returns_what_tensorflow_wrote(tf, tmp_path_factory, payloads):
    path = str(tmp_path_factory.getbasetemp() / 'written')
    with tf.io.TFRecordWriter(path) as writer:
        for payload in payloads:
            writer.write(payload)
    frames = list(read_frames(path))
    assert [f.payload for f in frames] == payloads
    assert all(f.crc_ok and f.crc == crc32c(f.payload) for f in frames)
    sizes = [len(p) + 16 for p in payloads]
    assert [f.offset for f in frames] == [sum(sizes[:i]) for i in range(len(sizes))]


@settings(max_examples=200)
@given(st.data())
def test_read_frames_damaged_file_finds_every_fault_tensorflow_finds(
    tf, tmp_path_factory, data
):
    path = tmp_path_factory.getbasetemp() / 'damaged'
    payloads = [b'one', b'', b'three' * 9]
    content = bytearray(b''.join(b''.join(frame([p], crc32c(p))) for p in payloads))
    place = data.draw(st.integers(0, len(content) - 1))
    is_good = False
    if data.draw(st.booleans()):
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        del content[place:]
        is_good = place in (0, 19, 35)
    path.write_bytes(content)
    frames = list(read_frames(str(path)))
    intact = [f.payload for f in frames if isinstance(f, Frame) and f.crc_ok]
    assert (len(intact) == len(frames)) == is_good
    for fault in frames:
        if isinstance(fault, CorruptFrame):
            assert fault is frames[-1]
            assert fault.unread == len(content) - fault.offset
    theirs = []
    try:
        for payload in tf.data.TFRecordDataset(str(path)):
            theirs.append(payload.numpy())
    except tf.errors.DataLossError:
        assert not is_good
    assert intact[: len(theirs)] == theirs


def test_read_frames_damaged_payload_reads_following_frames(tmp_path):
    path = write(tmp_path / 'x', [b'one', b'two', b'three'])
    with open(path, 'r+b') as file:
        file.seek(19 + 12)
        file.write(b'T')
    one, two, three = read_frames(path)
    assert (one.crc_ok, two.crc_ok, three.crc_ok) == (True, False, True)
    assert (two.offset, two.payload, two.stated) == (19, b'Two', masked_crc32c(b'two'))


@pytest.mark.parametrize(
    ('tail', 'fault'),
    [
        (b'x', '1 bytes follow (expected a frame of at least 16)'),
        (b'\0' * 20, "the length's crc32c is 0x00000000 (expected 0x"),
    ],
)
def test_read_frames_extra_bytes_give_corrupt_frame(tmp_path, tail, fault):
    path = write(tmp_path / 'x', [b'one'])
    with open(path, 'ab') as file:
        file.write(tail)
    _, corrupt = read_frames(path)
    assert (corrupt.offset, corrupt.unread) == (19, len(tail))
    assert corrupt.fault.startswith(fault)


def test_read_frames_length_beyond_file_is_corrupt_frame_without_reading(tmp_path):
    length = struct.pack('<Q', 1 << 62)
    head = length + struct.pack('<I', masked_crc32c(length))
    (tmp_path / 'x').write_bytes(head + b'\0' * 100)
    [corrupt] = read_frames(str(tmp_path / 'x'))
    assert corrupt.fault == (
        f'the length is {1 << 62} (expected at most 96, the rest of the file)'
    )


def test_read_frames_object_store_equals_local(monkeypatch, tmp_path):
    path = write(tmp_path / 'x', [b'one', b'two'])
    with open(path, 'rb') as file:
        objects = {'store://bucket/x': file.read()}
    monkeypatch.setattr(fake_store.StoreFileSystem, 'objects', objects)
    assert [f.payload for f in read_frames('store://bucket/x')] == [b'one', b'two']
    with pytest.raises(FileNotFoundError):
        next(read_frames('store://bucket/none'))


def test_read_frames_closed_early_leaves_no_file_open(tmp_path):
    path = write(tmp_path / 'x', [b'one', b'two'])
    before = os.listdir('/proc/self/fd')
    reading = read_frames(path)
    next(reading)
    reading.close()
    assert os.listdir('/proc/self/fd') == before
