"""Tables that fit are joined; those that do not are refused for the right reason."""

import csv
import json

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset, JoinError
from indexed_imagenet.scores.correlation import rank_correlation
from indexed_imagenet.scores.join import JoinReport


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


@pytest.fixture(scope='module')
def validation(built) -> IndexedDataset:
    return IndexedDataset(built, 'validation')


@pytest.fixture(scope='module')
def values(ds) -> np.ndarray:
    """A score of each training example that depends on its class."""
    return ds.labels + np.random.RandomState(0).rand(len(ds))


@pytest.fixture(scope='module')
def shuffled() -> np.ndarray:
    return np.random.RandomState(1).permutation(51)


def write(path, columns) -> str:
    ending = path.suffix
    if ending == '.npz':
        np.savez(path, **columns)
    elif ending == '.csv':
        with open(path, 'w', newline='') as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            lists = [np.asarray(column).tolist() for column in columns.values()]
            writer.writerows(zip(*lists, strict=True))
    elif ending == '.parquet':
        import pyarrow
        from pyarrow import parquet

        lists = {name: np.asarray(column).tolist() for name, column in columns.items()}
        parquet.write_table(pyarrow.table(lists), path)
    else:
        lists = {name: np.asarray(column).tolist() for name, column in columns.items()}
        rows = [
            dict(zip(lists, row, strict=True))
            for row in zip(*lists.values(), strict=True)
        ]
        text = (
            '\n'.join(map(json.dumps, rows)) if ending == '.jsonl' else json.dumps(rows)
        )
        path.write_text(text)
    return str(path)


class TestKeys:
    @pytest.mark.parametrize('ending', ['npz', 'csv', 'json', 'jsonl', 'parquet'])
    def test_file_names_in_any_file_format(self, ds, values, shuffled, tmp_path, ending):
        columns = {'filename': ds.filenames[shuffled], 'el2n': values[shuffled]}
        joined = ds.join(write(tmp_path / f't.{ending}', columns))
        np.testing.assert_allclose(joined.values, values)
        memorization = np.load(f'{ds.directory}/train.scores.npz')['tr_mem']
        rho = rank_correlation(values, memorization)
        assert joined.report == JoinReport(
            "file name in 'filename'", 51, 0, 0, 0, {'el2n': rho}
        )

    @pytest.mark.parametrize(
        ('form', 'said'),
        [
            ('train/{s}/{n}', 'with folder'),
            ('https://x.org/{n}', 'URL'),
            ('{stem}', 'without ending'),
            ('{stem}_{s}.JPEG', 'with appended synset'),
        ],
    )
    def test_file_names_in_every_form(self, ds, values, shuffled, form, said):
        names = [
            form.format(s=name[:9], n=name, stem=name.partition('.')[0])
            for name in ds.filenames[shuffled].tolist()
        ]
        joined = ds.join({'path': np.array(names), 'v': values[shuffled]})
        np.testing.assert_allclose(joined.values, values)
        assert said in joined.report.by

    def test_bytes_and_objects(self, ds, values, shuffled, tmp_path):
        encoded = np.char.encode(ds.filenames[shuffled], 'utf-8')
        np.savez(tmp_path / 't.npz', filenames=encoded.astype(object), v=values[shuffled])
        np.testing.assert_allclose(ds.join(tmp_path / 't.npz').values, values)

    def test_published_index(self, ds, values, shuffled):
        joined = ds.join({'index': shuffled, 'v': values[shuffled]})
        np.testing.assert_allclose(joined.values, values)
        assert joined.report.by == "the published index in 'index'"

    def test_number_in_the_file_name_only_in_validation(self, ds, validation):
        numbers = np.array([int(name[15:23]) for name in validation.filenames.tolist()])
        joined = validation.join({'id': numbers[::-1], 'v': np.arange(24)[::-1]})
        assert joined.values.tolist() == list(range(24))
        assert joined.report.by == "the number in the file name in 'id'"
        with pytest.raises(JoinError, match='number in the file name only in validation'):
            ds.join({'id': np.arange(51), 'v': np.arange(51)})

    def test_several_columns_and_one_by_name(self, ds, values, shuffled):
        table = {
            'filename': ds.filenames[shuffled],
            'labels': ds.labels[shuffled],
            'a': values[shuffled],
            'b': -values[shuffled],
        }
        joined = ds.join(table)
        assert joined.columns.keys() == {'a', 'b'}
        with pytest.raises(JoinError, match='has 2 columns of values'):
            joined.values  # noqa: B018
        np.testing.assert_allclose(ds.join(table, value='b').values, -values)
        assert ds.join(table, value='labels').values.tolist() == ds.labels.tolist()

    def test_lists_may_be_empty(self, validation, tmp_path):
        content = {
            name: [int(label)] if label % 2 else []
            for name, label in zip(
                validation.filenames.tolist(), validation.labels, strict=True
            )
        }
        (tmp_path / 'real.json').write_text(json.dumps(content))
        joined = validation.join(tmp_path / 'real.json')
        assert joined.values == [
            [label] if label % 2 else [] for label in validation.labels.tolist()
        ]

    def test_rows_per_example_need_to_be_asked_for(self, ds, values):
        index = np.array([*range(51), 7, 7])
        table = {'index': index, 'v': np.arange(53)}
        with pytest.raises(JoinError, match='several rows for 1 examples, first index 7'):
            ds.join(table)
        joined = ds.join(table, many=True)
        assert joined.values[7] == [7, 51, 52]
        assert joined.values[8] == [8]
        assert joined.report.duplicate == 2

    def test_partial_table_needs_to_be_asked_for(self, ds, values):
        part = [3, 9, 40]
        table = {'index': np.array(part), 'v': values[part], 'n': np.array([1, 2, 3])}
        with pytest.raises(JoinError, match='no row for 48 of 51 train examples'):
            ds.join(table)
        joined = ds.join(table, partial=True)
        assert np.flatnonzero(np.isfinite(joined.columns['v'])).tolist() == part
        assert np.flatnonzero(np.isfinite(joined.columns['n'])).tolist() == part
        assert (joined.report.matched, joined.report.absent) == (3, 48)

    def test_unknown_keys_are_refused_with_their_rows(self, ds, values):
        names = ds.filenames.copy()
        names[[4, 9]] = 'n01440764_1.JPEG'
        with pytest.raises(JoinError, match=r'2 of 51 keys .*row 4, row 9'):
            ds.join({'filename': names, 'v': values})
        with pytest.raises(JoinError, match='1 of 51 keys'):
            ds.join({'index': np.array([*range(50), 51]), 'v': values})

    def test_one_image_too_few_is_said(self, ds, values):
        with pytest.raises(JoinError, match='one image too few or too many'):
            ds.join({'index': np.arange(50), 'v': values[:50]})


class TestLabels:
    @pytest.mark.parametrize('code', ['0', '1', 'synset'])
    def test_exactly_one_order_fits(self, ds, values, code):
        at = ds.order('shards').index_at
        labels = {
            '0': ds.labels[at],
            '1': ds.labels[at] + 1,
            'synset': ds.synsets[at],
        }[code]
        joined = ds.join({'labels': labels, 'v': values[at]})
        np.testing.assert_allclose(joined.values, values)
        assert "only the order 'shards' fits" in joined.report.by

    def test_torchvision_and_timm_share_labels_so_the_name_is_needed(self, ds, values):
        at = ds.order('torchvision').index_at
        table = {'labels': ds.labels[at], 'v': values[at]}
        with pytest.raises(JoinError, match=r'several orders \(torchvision, timm'):
            ds.join(table)
        joined = ds.join(table, order='torchvision')
        np.testing.assert_allclose(joined.values, values)

    def test_no_order_fits(self, ds, values):
        labels = np.random.RandomState(3).permutation(ds.labels)
        with pytest.raises(JoinError, match='fits no known order exactly'):
            ds.join({'labels': labels, 'v': values})

    def test_named_order_that_labels_contradict(self, ds, values):
        at = ds.order('shards').index_at
        with pytest.raises(JoinError, match="is not in the order 'torchvision'"):
            ds.join({'labels': ds.labels[at], 'v': values[at]}, order='torchvision')


class TestNeither:
    def test_no_keys_no_labels_no_order_is_refused(self, ds, values):
        with pytest.raises(JoinError, match='has neither keys nor labels'):
            ds.join(values)

    @pytest.mark.parametrize('order', ['published', 'torchvision', 'shards'])
    def test_named_order_that_the_values_support(self, ds, values, tmp_path, order):
        np.save(tmp_path / 'v.npy', values[ds.order(order).index_at])
        joined = ds.join(tmp_path / 'v.npy', order=order)
        np.testing.assert_allclose(joined.values, values)
        assert f'{order} 0.9' in joined.report.by or f'{order} 1.0' in joined.report.by

    def test_planted_wrong_order_is_at_chance_and_refused(self, ds, values):
        planted = values[ds.order('shards').index_at]
        with pytest.raises(JoinError, match='no more of .values. than chance'):
            ds.join(planted, order='torchvision')

    @pytest.mark.parametrize('length', [50, 52])
    def test_length_that_differs_by_one_is_refused_with_the_cause(self, ds, length):
        with pytest.raises(JoinError, match='shifts every row after it'):
            ds.join(np.zeros(length), order='torchvision')


class TestFiles:
    @pytest.mark.parametrize(
        ('name', 'content', 'message'),
        [
            ('none.csv', None, 'does not exist'),
            ('t.txt', b'', "ending 'txt'"),
            ('t.npz', b'x', 'cannot be read'),
            ('t.npy', b'x', 'cannot be read'),
            ('t.json', b'{', 'cannot be read'),
            ('t.parquet', b'x', 'cannot be read'),
            ('t.csv', b'filename,v\nx\n', 'line 2 does not have 2 fields'),
            ('t.csv', b'filename,labels\nn1_1.JPEG,3\n', 'no column of values'),
            ('t.csv', b'filename,v\n', 'has no rows'),
            ('t.json', b'{}', 'has no rows'),
        ],
    )
    def test_bad_file_is_one_line(self, ds, tmp_path, name, content, message):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(JoinError, match=message) as raised:
            ds.join(tmp_path / name)
        assert '\n' not in str(raised.value)

    def test_pickled_objects_do_not_run(self, ds, tmp_path):
        class Planted:
            def __reduce__(self):
                return open, (str(tmp_path / 'planted'), 'w')

        np.savez(tmp_path / 't.npz', filename=np.array([Planted()] * 3, object))
        np.save(tmp_path / 't.npy', np.array([Planted()] * 3, object))
        for name in ('t.npz', 't.npy'):
            with pytest.raises(JoinError):
                ds.join(tmp_path / name)
        assert not (tmp_path / 'planted').exists()

    def test_unknown_column_names_are_said(self, ds, values):
        table = {'index': np.arange(51), 'v': values}
        with pytest.raises(JoinError, match="no column 'w' .it has index, v"):
            ds.join(table, value='w')
        with pytest.raises(JoinError, match="no column 'k'"):
            ds.join(table, on='k')


class TestSaved:
    @pytest.mark.parametrize('ending', ['npz', 'csv', 'parquet'])
    def test_what_is_saved_is_joined_again(self, ds, values, tmp_path, ending):
        path = tmp_path / f'el2n.{ending}'
        ds.save_scores(path, el2n=values, margin=-values, higher_is='harder')
        joined = ds.join(path, value=['el2n', 'margin'])
        np.testing.assert_allclose(joined.columns['el2n'], values)
        np.testing.assert_allclose(joined.columns['margin'], -values)
        np.testing.assert_allclose(
            ds.join(path, value='el2n', on='filenames').values, values
        )

    @pytest.mark.parametrize('ending', ['npz', 'csv', 'parquet'])
    def test_scores_of_another_index_are_refused(
        self, ds, validation, values, tmp_path, ending
    ):
        path = tmp_path / f'el2n.{ending}'
        ds.save_scores(path, el2n=values)
        with pytest.raises(
            JoinError,
            match=r"saved for another index, of the split 'train': the digest of its "
            rf'file names is {ds.manifest.build_id.names[:12]}… \(expected '
            rf"{validation.manifest.build_id.names[:12]}…, of 'validation'\); on=",
        ):
            validation.join(path, partial=True)

    def test_scores_of_another_index_join_by_name_if_told_so(self, ds, values, tmp_path):
        ds.save_scores(tmp_path / 's.npz', el2n=values)
        with np.load(tmp_path / 's.npz') as saved:
            arrays = dict(saved)
        about = json.loads(str(arrays['about']))
        arrays['about'] = np.array(json.dumps({**about, 'names': '0' * 64}))
        arrays['index'] = arrays['index'][::-1]
        np.savez(tmp_path / 'other.npz', **arrays)
        with pytest.raises(JoinError, match='0{12}… .expected'):
            ds.join(tmp_path / 'other.npz')
        joined = ds.join(tmp_path / 'other.npz', value='el2n', on='filenames')
        np.testing.assert_allclose(joined.values, values)

    def test_npz_says_what_it_is(self, ds, values, tmp_path):
        ds.save_scores(tmp_path / 's.npz', el2n=values, higher_is='harder')
        with np.load(tmp_path / 's.npz') as saved:
            about = json.loads(str(saved['about']))
            assert saved['index'].tolist() == list(range(51))
            assert saved['filenames'].dtype.kind == 'S'
        assert about['fingerprint'] == ds.fingerprint
        assert about['names'] == ds.manifest.build_id.names
        assert (about['higher_is'], about['scores']) == ('harder', ['el2n'])

    @pytest.mark.parametrize(
        ('name', 'scores', 'message'),
        [
            ('s.npz', {'el2n': [1, 2]}, r'el2n has 2 values \(expected 51'),
            ('s.txt', {'el2n': range(51)}, r"ending '\.txt'"),
            ('s.npz', {'labels': range(51)}, "'labels' is a name of the format"),
            ('s.npz', {}, 'no scores to save'),
        ],
    )
    def test_wrong_scores_are_refused(self, ds, tmp_path, name, scores, message):
        with pytest.raises(JoinError, match=message):
            ds.save_scores(tmp_path / name, **scores)
