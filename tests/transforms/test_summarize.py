import json

import apache_beam as beam
import numpy as np
import pytest

from transforms.records import Rejection, ShardEnd, ShardReport
from transforms.summarize import WriteSummary, summarize, write_summary
from transforms.working_folder import summary_path


def report(shard, records, written=True, converted=(), missing=(), rejected=()):
    end = ShardEnd(
        shard,
        records,
        written,
        np.array([shard, 7], np.int16),
        list(converted),
        np.array(missing, np.int32),
        list(rejected),
        started=100.0 + shard,
    )
    return ShardReport(end, written, 10 * records, finished=200.0 + shard)


@pytest.fixture
def index_file(tmp_path):
    path = tmp_path / 'index.npz'
    names = np.array([b'image%d.JPEG' % i for i in range(6)])
    np.savez(path, tr_filenames=names, tr_labels=np.zeros(6, int))
    return str(path)


REPORTS = [
    report(1, 2, converted=[(4, 'PNG'), (5, 'CMYK')], missing=[3]),
    report(0, 1, missing=[1]),
    report(2, 9, written=False, rejected=[Rejection(2, 'a,b.JPEG', 'empty: 0 bytes')]),
]


def test_counts_what_was_written_and_nothing_else():
    assert summarize(REPORTS) == {
        'shards': 3,
        'shards_written': 2,
        'examples': 3,
        'bytes': 30,
        'classes': 3,
        'converted_png': 1,
        'converted_cmyk': 1,
        'missing': 2,
        'rejected': 1,
        'first_rejected': [{'index': 2, 'path': 'a,b.JPEG', 'reason': 'empty: 0 bytes'}],
        'started': 100.0,
        'finished': 202.0,
    }


def test_lists_what_is_missing_and_rejected(new_pipeline, tmp_path, index_file):
    with new_pipeline() as pipeline:
        (
            pipeline
            | beam.Create(REPORTS)
            | WriteSummary('train', str(tmp_path), 3, index_file)
        )
    assert (tmp_path / 'missing-train.csv').read_text() == (
        'index,filename\n1,image1.JPEG\n3,image3.JPEG\n'
    )
    assert (tmp_path / 'rejected-train.csv').read_text() == (
        'index,path,reason\n2,"a,b.JPEG",empty: 0 bytes\n'
    )
    with open(summary_path(str(tmp_path), 'train')) as file:
        assert json.load(file) == summarize(REPORTS)


def test_nothing_is_listed_where_there_is_nothing_to_list(tmp_path, index_file):
    write_summary([report(0, 1)], 'train', str(tmp_path), 1, index_file)
    assert not list(tmp_path.glob('*-train.csv'))


@pytest.mark.parametrize('shards', [[], [0], [0, 0], [0, 1, 1]])
def test_every_shard_reports_exactly_once(tmp_path, index_file, shards):
    reports = [report(shard, 1) for shard in shards]
    with pytest.raises(RuntimeError, match='expected one on each of 2'):
        write_summary(reports, 'train', str(tmp_path), 2, index_file)
