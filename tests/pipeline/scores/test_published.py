"""The published tables, made small: each joins, or is refused for the stated reason."""

import csv
import json

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset, JoinError
from indexed_imagenet.scores.join import join
from indexed_imagenet.scores.orders import make_order


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


@pytest.fixture(scope='module')
def validation(built) -> IndexedDataset:
    return IndexedDataset(built, 'validation')


@pytest.fixture(scope='module')
def shuffled() -> np.ndarray:
    return np.random.RandomState(1).permutation(51)


def write_csv(path, columns) -> str:
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return str(path)


def number_of(name: str) -> int:
    return int(name[15:23])


def test_cscores_are_joined_by_name_whatever_their_order(ds, shuffled, tmp_path):
    scores = np.random.RandomState(0).rand(51)
    np.savez(
        tmp_path / 'cscores.npz',
        filenames=np.char.encode(ds.filenames[shuffled]),
        labels=ds.labels[shuffled],
        scores=scores[shuffled],
    )
    np.testing.assert_array_equal(ds.join(tmp_path / 'cscores.npz').values, scores)


def test_kaggle_image_ids_have_no_ending(validation, tmp_path):
    stems = [name.partition('.')[0] for name in validation.filenames.tolist()]
    boxes = [f'{synset} 1 2 3 4' for synset in validation.synsets.tolist()]
    columns = {'ImageId': stems[::-1], 'PredictionString': boxes[::-1]}
    joined = validation.join(write_csv(tmp_path / 'LOC_val_solution.csv', columns))
    assert joined.values.tolist() == boxes
    assert 'without ending' in joined.report.by


def mturk(validation, rows):
    return [
        {
            'id': number_of(name),
            'url': f'https://labelerrors.com/static/imagenet/{name}',
            'given_original_label': int(validation.labels[index]),
            'mturk': {'given': 1, 'guessed': index},
        }
        for index, name in ((row, str(validation.filenames[row])) for row in rows)
    ]


def test_mturk_table_is_joined_by_the_name_in_its_url(validation, tmp_path):
    rows = mturk(validation, [5, 2, 11])
    rows[0]['id'], rows[1]['id'] = rows[1]['id'], rows[0]['id']  # the name decides
    (tmp_path / 'm.json').write_text(json.dumps(rows))
    with pytest.raises(JoinError, match='no row for 21 of 24'):
        validation.join(tmp_path / 'm.json')
    joined = validation.join(tmp_path / 'm.json', partial=True)
    assert "in 'url'" in joined.report.by
    assert [joined.values[index]['guessed'] for index in (5, 2, 11)] == [5, 2, 11]
    assert joined.values[0] == []


def test_mturk_ids_alone_are_the_numbers_in_the_names(validation):
    table = {'id': np.array([r['id'] for r in mturk(validation, [5, 2])]), 'v': [7, 8]}
    joined = validation.join(table, partial=True)
    assert (joined.values[5], joined.values[2]) == (7, 8)


def test_real_scores_have_pairs_of_name_and_label_several_per_image(validation, tmp_path):
    info, scores = [], []
    for index, name in enumerate(validation.filenames.tolist()):
        for label in range(1 + index % 3):
            info.append((name, str(label)))
            scores.append(index + label / 10)
    np.savez(tmp_path / 'scores.npz', info=np.array(info), scores=np.array(scores))
    with pytest.raises(JoinError, match='several rows'):
        validation.join(tmp_path / 'scores.npz')
    joined = validation.join(tmp_path / 'scores.npz', many=True)
    assert joined.columns['scores'][5] == [5.0, 5.1, 5.2]
    assert joined.columns['info.label'][5] == [0, 1, 2]


class Validation:
    """2,000 validation names in 20 classes: enough to test an order by its values."""

    directory, split, manifest = '/nowhere', 'validation', None

    def __init__(self):
        random = np.random.RandomState(0)
        numbers = random.permutation(2000) + 1
        self.filenames = np.array([f'ILSVRC2012_val_{n:08d}.JPEG' for n in numbers])
        self.labels = random.randint(20, size=2000)
        self.synsets = np.array([f'n{label:08d}' for label in self.labels])

    def __len__(self):
        return len(self.labels)

    def order(self, name):
        return make_order(self, name)

    def join(self, table, **more):
        return join(self, table, **more)


@pytest.fixture(scope='module')
def many() -> Validation:
    return Validation()


def test_real_json_is_refused_without_its_order_and_joined_with_it(many, tmp_path):
    lists = [list(range(label % 5)) for label in many.labels.tolist()]
    in_order = [lists[i] for i in many.order('filename').index_at.tolist()]
    path = tmp_path / 'real.json'
    path.write_text(json.dumps(in_order))
    with pytest.raises(JoinError, match='neither keys nor labels'):
        many.join(path)
    with pytest.raises(JoinError, match='no more of .values. than chance'):
        many.join(path, order='torchvision')
    joined = many.join(path, order='filename')
    assert joined.values == lists
    assert 'filename 1.0000' in joined.report.by
    path.write_text(json.dumps(in_order[1:]))
    with pytest.raises(JoinError, match='shifts every row after it'):
        many.join(path, order='filename')


def test_cleanlab_arrays_are_in_the_order_of_torchvision(many, tmp_path):
    np.save(tmp_path / 'labels.npy', many.labels[many.order('torchvision').index_at])
    joined = many.join(tmp_path / 'labels.npy', order='torchvision')
    assert joined.values.tolist() == many.labels.tolist()
    with pytest.raises(JoinError, match='than chance'):
        many.join(tmp_path / 'labels.npy', order='filename')


def test_probabilities_are_tested_by_column_for_their_rows_all_sum_to_one(many, tmp_path):
    wide = np.eye(20)[many.labels] * 0.9 + 0.1 / 20
    np.save(tmp_path / 'p.npy', wide[many.order('torchvision').index_at])
    joined = many.join(tmp_path / 'p.npy', order='torchvision')
    np.testing.assert_allclose(joined.values, wide)
    with pytest.raises(JoinError, match='than chance'):
        many.join(tmp_path / 'p.npy', order='filename')


@pytest.mark.parametrize('length', [1281167, 50000])
def test_table_of_the_other_split_is_refused(many, length):
    with pytest.raises(JoinError, match='is it of the other split'):
        many.join(np.zeros(length), order='filename')


def test_pruning_csv_without_names_needs_an_order_and_row_numbers_prove_none(
    ds, tmp_path
):
    values = ds.labels + np.random.RandomState(0).rand(51)
    columns = {'': range(51), 'el2n': values[ds.order('shards').index_at].tolist()}
    path = write_csv(tmp_path / 'ImageNet-1K_el2n.csv', columns)
    with pytest.raises(JoinError, match='neither keys nor labels'):
        ds.join(path)
    with pytest.raises(JoinError, match='no more of .el2n. than chance'):
        ds.join(path, order='torchvision')
    np.testing.assert_allclose(ds.join(path, order='shards').values, values)


def test_every_column_may_prove_an_order_and_texts_alone_do_not(ds):
    at = ds.order('torchvision').index_at
    noise = np.random.RandomState(0).rand(51)
    table = {'noise': noise, 'loss': ds.labels[at] * 1.0}
    assert ds.join(table, order='torchvision').columns.keys() == {'noise', 'loss'}
    with pytest.raises(JoinError, match='no numbers by which the order'):
        ds.join({'text': np.array(['a'] * 51)}, order='torchvision')


def test_imagenet_x_lines_are_joined_by_file_name(validation, tmp_path):
    rows = [
        {'file_name': name, 'class': synset, 'pose': i % 2, 'one_word': f'w{i}'}
        for i, (name, synset) in enumerate(
            zip(validation.filenames.tolist(), validation.synsets.tolist(), strict=True)
        )
    ]
    path = tmp_path / 'imagenet_x_val.jsonl'
    path.write_text('\n'.join(json.dumps(row) for row in rows[::-1]))
    joined = validation.join(path)
    assert joined.columns['pose'].tolist() == [i % 2 for i in range(24)]
    assert joined.columns['one_word'][3] == 'w3'


def test_flaws_csv_has_names_as_ids_and_lists_of_labels(validation, tmp_path):
    proposed = ['415, 813', '', '7'] * 8
    columns = {
        'id': validation.filenames.tolist(),
        'original_label': validation.labels.tolist(),
        'proposed_labels': proposed,
    }
    joined = validation.join(write_csv(tmp_path / 'flaws.csv', columns))
    assert joined.values[:3] == [[415, 813], [], [7]]


def test_relabel_files_are_joined_by_their_stems(ds):
    paths = [f'{n[:9]}/{n.partition(".")[0]}.pt' for n in ds.filenames.tolist()]
    assert ds.join({'path': np.array(paths), 'v': np.arange(51)}).values[50] == 50


def test_multi_label_json_by_name_in_folders_is_not_taken_for_columns(
    validation, tmp_path
):
    content = {f'val/{name}': ['n1', 'n2'] for name in validation.filenames.tolist()}
    (tmp_path / 'multi.json').write_text(json.dumps(content))
    assert validation.join(tmp_path / 'multi.json').values == [['n1', 'n2']] * 24


def test_the_index_file_itself_is_joined_by_the_columns_of_the_split(
    ds, validation, golden
):
    joined = ds.join(golden / 'imagenet_index.npz')
    assert list(joined.columns) == ['tr_mem']
    with pytest.raises(JoinError, match='no column of values'):
        validation.join(golden / 'imagenet_index.npz')


def test_images_of_another_data_set_are_refused(validation):
    names = np.array([f'{i % 3}/ILSVRC2012_val_{90000 + i:08d}.JPEG' for i in range(24)])
    with pytest.raises(JoinError, match='another data set'):
        validation.join({'filename': names, 'v': np.arange(24)})


class TestPositionsCalledIndex:
    def test_names_beside_them_contradict(self, ds):
        at = ds.order('torchvision').index_at
        table = {'index': np.arange(51), 'filename': ds.filenames[at], 'v': at}
        with pytest.raises(
            JoinError, match=r'contradict each other in .* row '
        ) as raised:
            ds.join(table)
        assert '\n' not in str(raised.value)
        assert ds.join(table, on='filename').values.tolist() == list(range(51))

    def test_labels_beside_them_contradict(self, ds):
        at = ds.order('torchvision').index_at
        table = {'index': np.arange(51), 'labels': ds.labels[at], 'v': at}
        with pytest.raises(JoinError, match='is that a position'):
            ds.join(table)
        assert ds.join(table, order='torchvision').values.tolist() == list(range(51))


def test_arrays_of_a_run_are_joined_by_their_index_column(ds, tmp_path):
    inside = np.array([4, 2, 9])
    np.savez(
        tmp_path / 'aux_arrays.npz',
        subsample_idx=inside,
        index_train=inside,
        correctness_train=np.array([1.0, 0.0, 1.0]),
    )
    path = tmp_path / 'aux_arrays.npz'
    with pytest.raises(JoinError, match=r'read_aux_arrays\(\) reads'):
        ds.join(path)
    joined = ds.join(path, value='correctness_train', on='index_train', partial=True)
    assert (joined.values[4], joined.values[2]) == (1, 0)
