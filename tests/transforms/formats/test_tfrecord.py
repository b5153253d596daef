import io

from apache_beam.io.tfrecordio import _TFRecordUtil
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.tfrecord import (
    OVERHEAD,
    crc32c,
    crc32c_of_parts,
    frame,
)


@given(st.binary(max_size=1000))
def test_the_framing_is_beams_own(payload):
    file = io.BytesIO()
    _TFRecordUtil.write_record(file, payload)
    framed = b''.join(frame([payload], crc32c(payload)))
    assert framed == file.getvalue()
    assert len(framed) == len(payload) + OVERHEAD


@given(st.lists(st.binary(max_size=100)))
def test_parts_are_framed_as_what_they_make_up(parts):
    payload = b''.join(parts)
    crc = crc32c_of_parts(parts)
    assert crc == crc32c(payload)
    assert b''.join(frame(parts, crc)) == b''.join(frame([payload], crc))
