import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexed_imagenet.transforms.formats.image_warnings import (
    ImageWarning,
    ImageWarnings,
    warnings_from_csv,
)
from indexed_imagenet.transforms.formats.shard_info import DECODE, ShardInfo
from support.reports import shard_info

WARNED = [ImageWarning(3, 'a/b.JPEG', 'bad, "data"'), ImageWarning(1, 'c', 'x')]


def test_image_warnings_pack_and_unpack_in_order_of_index():
    packed = ImageWarnings.pack(WARNED)
    assert packed.count == 2
    assert packed.unpack() == WARNED[::-1]
    assert ImageWarnings.pack([]) == ImageWarnings()
    assert ImageWarnings().unpack() == []


def test_shard_info_with_warnings_survives_its_entry():
    info = shard_info([1, 2, 3], check=DECODE, warnings=ImageWarnings.pack(WARNED))
    read = ShardInfo.from_json(info.to_json())
    assert read.warnings.unpack() == WARNED[::-1]


def test_shard_info_without_warnings_has_entry_as_before():
    fields = json.loads(shard_info([1]).to_json())
    assert 'warnings' not in fields
    assert ShardInfo.from_json(json.dumps(fields).encode()).warnings.count == 0


@pytest.mark.parametrize('value', [3, [[1]], [{}], None, ['abcd']])
def test_shard_info_with_malformed_warnings_raises_value_error(value):
    fields = json.loads(shard_info([1]).to_json()) | {'warnings': value}
    with pytest.raises(ValueError, match='not the entry of a shard'):
        ShardInfo.from_json(json.dumps(fields).encode())


@given(st.lists(st.tuples(st.integers(0, 99), st.text(), st.text())))
def test_warnings_from_csv_gives_what_was_written(rows):
    buffer = io.StringIO(newline='')
    printable = [(i, repr(path), repr(text)) for i, path, text in rows]
    header = ('index', 'path', 'warning')
    csv.writer(buffer, lineterminator='\n').writerows([header, *printable])
    read = warnings_from_csv(buffer.getvalue().encode())
    assert read == [ImageWarning(*row) for row in printable]


@pytest.mark.parametrize(
    'content', [b'', b'index,path\n', b'index,path,warning\nx,a,b\n', b'\xff', b'a\n1']
)
def test_warnings_from_csv_other_content_raises_value_error(content):
    with pytest.raises(ValueError, match='.'):
        warnings_from_csv(content)
