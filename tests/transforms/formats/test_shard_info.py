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


def test_digest_records_is_sha256_of_twenty_bytes_per_record():
    content = np.array([(3, 100, 7), (1, 2**40, 2**32 - 1)], RECORD_DTYPE)
    expected = hashlib.sha256(
        struct.pack('<qqI', 3, 100, 7) + struct.pack('<qqI', 1, 2**40, 2**32 - 1)
    )
    assert digest_records(content) == expected.hexdigest()
    assert digest_records(content[::-1]) != expected.hexdigest()


def test_digest_rows_depends_on_index_label_name_and_order_not_dtype():
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


def test_offsets_and_num_bytes_count_sixteen_bytes_per_frame():
    info = shard_info([1, 2, 3], length=10)
    assert info.offsets().tolist() == [0, 26, 52]
    assert info.num_bytes == 78
    assert shard_info([]).offsets().tolist() == []


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**31 - 1), st.integers(0, 2**40), st.integers(0, 2**32 - 1)
        )
    ),
    st.lists(st.builds(Converted, st.integers(0, 99), st.text(), st.text())),
)
def test_from_json_returns_what_to_json_wrote(content, converted):
    info = shard_info(
        [], records=np.array(content, RECORD_DTYPE), converted=tuple(converted)
    )
    read = ShardInfo.from_json(info.to_json())
    assert read.records.tolist() == content
    assert read.converted == tuple(converted)
    assert read.to_json() == info.to_json()


ENTRY = shard_info([1, 2, 3]).to_json()


@given(st.integers(0, len(ENTRY) - 1))
def test_from_json_truncated_raises(size):
    with pytest.raises(ValueError):
        ShardInfo.from_json(ENTRY[:size])


@given(st.integers(0, len(ENTRY) - 1), st.integers(1, 255))
def test_from_json_damaged_raises_or_keeps_records(place, change):
    damaged = bytearray(ENTRY)
    damaged[place] ^= change
    try:
        read = ShardInfo.from_json(bytes(damaged))
    except ValueError:
        return
    assert read.records.tolist() == shard_info([1, 2, 3]).records.tolist()


@pytest.mark.parametrize('content', [b'[]', b'3', b'{}', b'null', b'{"identity": 1}'])
def test_from_json_other_json_raises(content):
    with pytest.raises(ValueError):
        ShardInfo.from_json(content)


def test_from_json_unknown_check_raises():
    with pytest.raises(ValueError, match="its check is 'thorough' .expected one of"):
        ShardInfo.from_json(shard_info([1], check='thorough').to_json())


def test_to_json_has_number_of_records_for_progress():
    assert json.loads(ENTRY)['records'] == 3
