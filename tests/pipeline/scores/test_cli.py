"""``join`` and ``top`` as a person runs them."""

import json
import shutil

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


@pytest.fixture
def table(ds, tmp_path):
    """A table in the order of the shards, with names."""
    at = ds.order('shards').index_at
    path = tmp_path / 'el2n.npz'
    np.savez(path, filename=ds.filenames[at], el2n=at / 100)
    return path


class TestJoin:
    @pytest.mark.parametrize('ending', ['csv', 'npz', 'parquet'])
    def test_join_writes_the_table_by_index(
        self, run, ds, built, table, tmp_path, ending
    ):
        output = tmp_path / f'scores.{ending}'
        ended = run('join', built, '--table', table, '--output', output)
        assert ended == (
            0,
            f"{output}: joined by file name in 'filename': 51 matched, 0 absent, 0 "
            'unknown, 0 duplicate; rank correlation with tr_mem: el2n -0.03\n',
            '',
        )
        np.testing.assert_allclose(ds.join(output).values, np.arange(51) / 100)

    def test_join_higher_is_kept_through_every_ending(self, run, ds, built, tmp_path):
        first = tmp_path / 'a.csv'
        ds.save_scores(first, el2n=np.arange(51) / 2, higher_is='harder')
        for ending in ('npz', 'parquet', 'csv'):
            output = tmp_path / f'b.{ending}'
            ended = run('join', built, '--table', first, '--output', output)
            assert ended.status == 0
            assert ds.join(output).higher_is == 'harder'
            first = output

    def test_join_long_table_as_lists(self, run, ds, built, tmp_path):
        path = tmp_path / 'long.csv'
        rows = [f'{index},{index}\n' for index in [*range(51), 7]]
        path.write_text('index,v\n' + ''.join(rows))
        for ending in ('csv', 'parquet'):
            output = tmp_path / f'o.{ending}'
            ended = run('join', built, '--table', path, '--many', '--output', output)
            assert ended.status == 0, ended.err
            assert ds.join(output).values[6:8] == [[6], [7, 7]]
        output = tmp_path / 'o.npz'
        ended = run('join', built, '--table', path, '--many', '--output', output)
        assert (ended.status, ended.out) == (2, '')
        assert 'write .csv or .parquet' in ended.err

    def test_join_order_is_tested_and_its_figures_printed(self, run, ds, built, tmp_path):
        path = tmp_path / 'v.npy'
        np.save(path, ds.labels[ds.order('torchvision').index_at] * 1.0)
        command = ['join', built, '--table', path, '--output', tmp_path / 'o.csv']
        ended = run(*command, '--order=torchvision')
        assert ended.status == 0
        assert 'torchvision 1.0000' in ended.out and 'chance 0.' in ended.out
        assert run(*command, '--order=published').status == 2

    @pytest.mark.parametrize(
        ('content', 'flags', 'message'),
        [
            (None, [], 'does not exist'),
            ({'v': list(range(51))}, [], 'has neither keys nor labels'),
            ({'v': list(range(50))}, ['--order=timm'], 'shifts every row after it'),
            ({'index': [0], 'v': [1]}, [], 'no row for 50 of 51'),
            ({'index': [51], 'v': [1]}, ['--partial'], '1 of 1 keys are not in'),
            ({'index': [0, 0], 'v': [1, 2]}, ['--partial'], 'several rows for 1'),
            ({'index': [0], 'v': [1]}, ['--value=w'], "no column 'w'"),
            ({'index': [0], 'v': [1]}, ['--order=keras'], 'invalid choice'),
            ({'index': [0], 'v': [1]}, ['--partail'], 'did you mean --partial?'),
        ],
    )
    def test_join_refusal_is_one_line_and_exit_status_2(
        self, run, built, tmp_path, content, flags, message
    ):
        path = tmp_path / 't.json'
        if content is not None:
            path.write_text(json.dumps(content))
        output = tmp_path / 'o.csv'
        ended = run('join', built, '--table', path, '--output', output, *flags)
        assert (ended.status, ended.out) == (2, '')
        assert ended.err.startswith('error: ') and ended.err.count('\n') == 1
        assert message in ended.err
        assert not output.exists()

    def test_join_directory_without_shards_is_one_line(self, run, tmp_path, table):
        ended = run('join', tmp_path, '--table', table, '--output', tmp_path / 'o.csv')
        assert ended.status == 2 and ended.err.count('\n') == 1


def rows_of(ended) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.replace('┃', '│').split('│')]
        for line in ended.out.splitlines()
        if '│' in line or '┃' in line
    ]


class TestTop:
    def test_top_reads_the_scores_beside_the_shards(self, run, ds, built, golden):
        ended = run('top', built, '--n', 3)
        with np.load(golden / 'imagenet_index.npz') as index:
            memorized = index['tr_mem']
        best = np.argsort(-memorized, kind='stable')[:3]
        header, *rows = rows_of(ended)
        assert ended.status == 0
        assert header == ['index', 'name', 'class', 'tr_mem']
        assert [row[0] for row in rows] == [str(index) for index in best.tolist()]
        assert rows[0][1] == ds.filenames[best[0]]
        assert rows[0][3] == f'{memorized[best[0]]:.4f}'

    def test_top_lowest_reverses(self, run, built, golden):
        with np.load(golden / 'imagenet_index.npz') as index:
            least = int(index['tr_mem'].argmin())
        [_, row] = rows_of(run('top', built, '--n=1', '--lowest'))
        assert row[0] == str(least)

    def test_top_without_scores_beside_takes_the_index_file(self, run, foreign, golden):
        ended = run('top', foreign)
        assert (ended.status, ended.out) == (2, '')
        assert 'give --imagenet_index_file, or a table with --scores' in ended.err
        index_file = golden / 'imagenet_index.npz'
        ended = run('top', foreign, f'--imagenet_index_file={index_file}', '--n=2')
        assert ended.status == 0
        assert len(rows_of(ended)) == 3

    def test_top_of_a_table_takes_its_only_column(self, run, built, table):
        header, first, _ = rows_of(run('top', built, '--scores', table, '--n=2'))
        assert header[3] == 'el2n'
        assert (first[0], first[3]) == ('50', '0.5000')

    def test_top_says_how_many_examples_share_the_last_score(
        self, run, ds, built, tmp_path
    ):
        path = tmp_path / 'ties.npz'
        ds.save_scores(path, hits=np.minimum(np.arange(51), 45))
        tied = run('top', built, '--scores', path, '--n', '2').out
        assert '6 examples have the score 45.0000; the first 2 by index' in tied
        assert 'have the score' not in run('top', built, '--scores', path, '--n', '6').out

    def test_top_of_a_partial_table_lists_what_it_has(self, run, built, tmp_path):
        (tmp_path / 't.csv').write_text('index,v\n4,1\n9,2\n')
        _, *rows = rows_of(run('top', built, '--scores', tmp_path / 't.csv'))
        assert [row[0] for row in rows] == ['9', '4']

    @pytest.mark.parametrize(
        ('content', 'flags', 'message'),
        [
            (None, ['--n=0'], '--n is 0 (expected at least 1)'),
            (None, ['--by=el2n'], '--by el2n is not in'),
            ('index,v,w\n1,2,3\n', [], 'has 2 columns of values'),
            ('index,v\n1,x\n', [], 'does not hold one number per example'),
            ('index,v\n1,"1, 2"\n', [], 'does not hold one number per example'),
            ('v\n1\n', ['--order=timm'], '1 rows and no keys'),
            ('v\n1\n', [], '1 rows and no keys'),
        ],
    )
    def test_top_refusal_is_one_line_and_exit_status_2(
        self, run, built, tmp_path, content, flags, message
    ):
        if content is not None:
            (tmp_path / 't.csv').write_text(content)
            flags = [*flags, f'--scores={tmp_path}/t.csv']
        ended = run('top', built, *flags)
        assert (ended.status, ended.out) == (2, '')
        assert ended.err.startswith('error: ') and ended.err.count('\n') == 1
        assert message in ended.err


class TestTopPairs:
    @pytest.fixture
    def pairs(self, tmp_path):
        path = tmp_path / 'pairs.npz'
        np.savez(
            path,
            tr_idx=[5, 50, 7, 9],
            tt_idx=[2, 23, 0, 1],
            infl=[0.2, 0.5, np.nan, 0.3],
            mem=[0.9, 0.4, 0.3, 0.5],
        )
        return path

    def test_top_pairs_are_listed_with_both_names(self, run, ds, built, pairs):
        ended = run('top', built, '--scores', pairs, '--n=2')
        header, *rows = rows_of(ended)
        assert ended.status == 0
        assert header == ['train', 'name', 'validation', 'name', 'class', 'infl', 'mem']
        assert [row[0] for row in rows] == ['50', '9']
        validation = IndexedDataset(built, 'validation')
        assert rows[0][1:4] == [ds.filenames[50], '23', validation.filenames[23]]
        assert rows[0][5:] == ['0.5000', '0.4000']

    def test_top_pairs_by_memorization_and_lowest(self, run, built, pairs):
        _, *rows = rows_of(run('top', built, '--scores', pairs, '--by=mem'))
        assert [row[0] for row in rows] == ['5', '9', '50', '7']
        _, *rows = rows_of(run('top', built, '--scores', pairs, '--lowest', '--n=1'))
        assert rows[0][0] == '5'

    def test_top_pairs_without_the_validation_split_shows_its_indices(
        self, run, built, pairs, tmp_path
    ):
        output = tmp_path / 'train_only'
        shutil.copytree(
            built, output, ignore=shutil.ignore_patterns('*validation*', '.build')
        )
        [_, row] = rows_of(run('top', output, '--scores', pairs, '--n=1'))
        assert row[2:4] == ['23', '']

    @pytest.mark.parametrize(
        ('change', 'flags', 'message'),
        [
            ({}, ['--by=tr_mem'], "--by is 'tr_mem' (expected infl or mem)"),
            ({}, ['--split=validation'], 'holds pairs of both splits'),
            ({'tr_idx': [51, 0, 0, 0]}, [], 'names train index 51, but'),
            ({'tt_idx': [24, 0, 0, 0]}, [], 'names validation index 24, but'),
            ({'mem': [1.0]}, [], "'mem' has shape (1,) (expected (4,))"),
        ],
    )
    def test_top_pairs_refusal_is_one_line_and_exit_status_2(
        self, run, built, pairs, change, flags, message
    ):
        with np.load(pairs) as arrays:
            np.savez(pairs, **{**arrays, **change})
        ended = run('top', built, '--scores', pairs, *flags)
        assert (ended.status, ended.out) == (2, '')
        assert ended.err.startswith('error: ') and ended.err.count('\n') == 1
        assert message in ended.err


@pytest.mark.parametrize(
    ('command', 'flag'), [('join', '--table FILE'), ('top', '--imagenet_index_file FILE')]
)
def test_help_shows_the_flags(run, capfd, command, flag):
    with pytest.raises(SystemExit) as raised:
        run('help', command)
    assert raised.value.code == 0
    assert flag in capfd.readouterr().out
