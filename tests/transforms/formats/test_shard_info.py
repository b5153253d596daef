import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.shard_info import (
    RECORD_DTYPE,
    Converted,
    ShardInfo,
    digest_records,
    digest_rows,
)
from support.reports import shard_info


def test_the_digest_is_over_index_length_and_crc_in_twenty_bytes_a_record():
    content = np.array([(3, 100, 7), (1, 2**40, 2**32 - 1)], RECORD_DTYPE)
    expected = hashlib.sha256(
        struct.pack('<qqI', 3, 100, 7) + struct.pack('<qqI', 1, 2**40, 2**32 - 1)
    )
    assert digest_records(content) == expected.hexdigest()
    assert digest_records(content[::-1]) != expected.hexdigest()


def test_the_digest_of_rows_tells_index_label_name_and_order():
    index, labels, names = np.array([1, 2]), np.array([5, 6]), [b'a', b'bc']
    digest = digest_rows(index, labels, names)
    others = [
        digest_rows(index[::-1], labels, names),
        digest_rows(index, labels[::-1], names),
        digest_rows(index, labels, [b'ab', b'c']),
        digest_rows(index[:1], labels[:1], names[:1]),
    ]
    assert len({digest, *others}) == 5
    assert digest == digest_rows(index.astype(np.int16), labels.astype(np.int8), names)


def test_offsets_are_those_of_frames_of_sixteen_bytes_more():
    record = shard_info([1, 2, 3], length=10)
    assert record.offsets().tolist() == [0, 26, 52]
    assert record.num_bytes == 78
    assert shard_info([]).offsets().tolist() == []


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**31 - 1), st.integers(0, 2**40), st.integers(0, 2**32 - 1)
        )
    ),
    st.lists(st.builds(Converted, st.integers(0, 99), st.text(), st.text())),
)
def test_a_record_is_read_back_as_it_was_noted(content, converted):
    record = shard_info(
        [], records=np.array(content, RECORD_DTYPE), converted=tuple(converted)
    )
    read = ShardInfo.from_json(record.to_json())
    assert read.records.tolist() == content
    assert read.converted == tuple(converted)
    assert read.to_json() == record.to_json()


NOTE = shard_info([1, 2, 3]).to_json()


@given(st.integers(0, len(NOTE) - 1))
def test_a_note_that_is_cut_off_is_no_record(size):
    with pytest.raises(ValueError):
        ShardInfo.from_json(NOTE[:size])


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_a_damaged_note_is_no_record_or_says_the_same_of_the_content(place, change):
    damaged = bytearray(NOTE)
    damaged[place] ^= change
    try:
        read = ShardInfo.from_json(bytes(damaged))
    except ValueError:
        return
    assert read.records.tolist() == shard_info([1, 2, 3]).records.tolist()


@pytest.mark.parametrize('note', [b'[]', b'3', b'{}', b'null', b'{"identity": 1}'])
def test_other_json_is_no_record(note):
    with pytest.raises(ValueError):
        ShardInfo.from_json(note)


def test_an_unknown_check_is_no_record():
    with pytest.raises(ValueError, match="its check is 'thorough' .expected one of"):
        ShardInfo.from_json(shard_info([1], check='thorough').to_json())


def test_progress_finds_the_number_of_records_in_a_note():
    assert json.loads(NOTE)['records'] == 3
