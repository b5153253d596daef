"""``IndexedDataset``: indexing, what stands beside the shards, errors."""

import io
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from indexed_imagenet import (
    CorruptRecordError,
    DatasetError,
    IndexedDataset,
    MissingExampleError,
)
from indexed_imagenet.cli.main import main
from indexed_imagenet.transforms.formats.manifest import read_manifest
from support.commands import build_command, digests


def build(tree, output, *flags):
    command = [*build_command(tree, output), '--direct_num_workers=1', *flags]
    assert main([str(arg) for arg in command]) == 0
    return output


class Tensor0D:
    """Stands for a tensor without dimensions."""

    ndim = 0

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@pytest.fixture(scope='module')
def ds(built) -> IndexedDataset:
    return IndexedDataset(built)


def test_every_example_equals_the_original_builders_record(ds, records):
    assert len(ds) == len(records) == 51
    for index, features in records.items():
        example = ds[index]
        assert example.index == index
        assert example.image == features['image/encoded']
        assert (example.height, example.width) == (
            features['image/height'],
            features['image/width'],
        )
        assert example.class_label == features['image/class/label']
        assert example.label == example.class_label - 1
        assert example.synset.encode() == features['image/class/synset']
        assert example.text.encode() == features['image/class/text']
        assert example.filename.encode() == features['image/filename']


def test_decode_pixels_are_pillows_without_rotation(ds):
    for index in range(len(ds)):
        example = ds[index]
        pixels = example.decode()
        assert (pixels.dtype, pixels.shape) == (
            np.uint8,
            (example.height, example.width, 3),
        )
        with Image.open(io.BytesIO(example.image)) as image:
            assert (pixels == np.asarray(image.convert('RGB'))).all()


@pytest.mark.parametrize('make', [int, np.int16, np.int64, np.uint8, Tensor0D, np.array])
def test_getitem_anything_with_index_is_accepted(ds, make):
    assert ds[make(7)].index == 7


@pytest.mark.parametrize(
    ('key', 'expected'),
    [
        (slice(3, 6), [3, 4, 5]),
        (slice(48, None), [48, 49, 50]),
        (slice(40, 10**9, 5), [40, 45, 50]),
        (slice(6, 3), []),
        (slice(6, 3, -1), [6, 5, 4]),
        ([7, 2, 2], [7, 2, 2]),
        ((7, 2), [7, 2]),
        (np.array([9, 0], np.uint16), [9, 0]),
        ([], []),
        (np.array([], np.float64), []),
    ],
)
def test_getitem_several_returns_a_list_in_order(ds, key, expected):
    assert [example.index for example in ds[key]] == expected


def test_getitems_both_names_return_a_list_as_long_as_the_input(ds):
    for fetch in (ds.__getitems__, ds._getitems):
        assert [example.index for example in fetch([5, np.int64(3), 5])] == [5, 3, 5]


@pytest.mark.parametrize('key', [-1, 51, np.int64(-3), [0, -1], [51], slice(-3, None)])
def test_getitem_outside_the_index_raises_index_error(ds, key):
    with pytest.raises(IndexError, match=r'expected (0 to 50|at least 0)'):
        ds[key]


@pytest.mark.parametrize('key', [True, np.bool_(True), [True, False], np.ones(51, bool)])
def test_getitem_booleans_are_refused_with_a_pointer_to_subset(ds, key):
    with pytest.raises(TypeError, match=r'ds\.subset\(mask\)'):
        ds[key]


@pytest.mark.parametrize(
    'key, message',
    [
        ('n1.JPEG', r"are 'n1.JPEG' \(expected integers\); ds.find\(name\) gives"),
        (['n1.JPEG'], r'are names \(expected integers\); ds.find\(name\) gives'),
        (1.5, r'are 1.5 \(expected an integer'),
        ([1.5], r'have dtype float64 \(expected integers\)'),
        (None, r'are None \(expected an integer'),
        ([[1, 2]], r'have 2 dimensions \(expected one\)'),
    ],
)
def test_getitem_other_keys_raise_type_error(ds, key, message):
    with pytest.raises(TypeError, match=message):
        ds[key]


def test_filename_of_an_index(ds):
    assert [ds.filename(index) for index in range(51)] == ds.filenames.tolist()
    with pytest.raises(IndexError, match='index 51 is not in the train index'):
        ds.filename(51)


def test_iteration_yields_all_examples_in_order_of_index(ds):
    assert [example.index for example in ds] == list(range(51))


def test_arrays_describe_the_whole_index(ds, golden, names, built):
    with np.load(golden / 'imagenet_index.npz') as index:
        assert ds.labels.tolist() == index['tr_labels'].tolist()
    assert ds.filenames.tolist() == names
    assert ds.synsets.tolist() == [name.partition('_')[0] for name in names]
    assert ds.indices.tolist() == list(range(51))
    assert len(ds.classes) == 1000
    assert ds.classes[ds[0].label].text == ds[0].text
    manifest = read_manifest(str(built), 'train')
    assert ds.manifest == manifest
    assert ds.fingerprint == manifest.fingerprint
    assert ds.converted.tolist() == [entry.index for entry in manifest.converted]
    assert len(ds.converted) == 3


@pytest.mark.parametrize('form', [str, str.encode, 'train/n0/{}'.format, '{}'.format])
def test_find_returns_the_index_of_a_name_in_any_form(ds, names, form):
    assert ds.find(form(names[13])) == 13


def test_find_unknown_name_raises_key_error(ds):
    with pytest.raises(KeyError, match="'n1_1.JPEG' is not a name of the train index"):
        ds.find('n1_1.JPEG')


def test_validation_split_is_opened_by_its_name(built):
    ds = IndexedDataset(str(built), 'validation')
    assert len(ds) == 24
    assert ds[0].filename.startswith('ILSVRC2012_val_')


def test_classes_of_other_label_files_come_from_the_records(golden, tmp_path):
    from indexed_imagenet.labels.load import METADATA_FILE

    changed = METADATA_FILE.read_text().replace('\t', '\ta thing called ')
    (tmp_path / 'metadata.txt').write_text(changed)
    flag = f'--imagenet_metadata_file={tmp_path}/metadata.txt'
    ds = IndexedDataset(build(golden, tmp_path / 'out', flag))
    assert ds.classes[ds[0].label].synset == ds[0].synset
    assert ds.classes[ds[0].label].text == ds[0].text
    assert ds[0].text.startswith('a thing called ')


class TestIncomplete:
    @pytest.fixture
    def ds(self, incomplete) -> IndexedDataset:
        return IndexedDataset(incomplete)

    def test_length_is_that_of_the_index(self, ds, absent):
        assert len(ds) == 51
        assert sorted(set(range(51)) - set(ds.indices.tolist())) == absent
        assert [example.index for example in ds] == ds.indices.tolist()
        assert (4 in ds, 3 in ds, 51 in ds, -1 in ds, 'x' in ds) == (
            *(True, False, False),
            *(False, False),
        )

    @pytest.mark.parametrize('key', [17, [16, 17], slice(15, 20), np.array([17])])
    def test_absent_example_raises_with_index_and_name(self, ds, names, key):
        with pytest.raises(MissingExampleError) as raised:
            ds[key]
        assert isinstance(raised.value, KeyError)
        assert len(raised.value.args) == 1
        text = f'train example 17 ({names[17]}) is not in this data set'
        assert str(raised.value).startswith(text)
        again = pickle.loads(pickle.dumps(raised.value))
        assert (type(again), str(again)) == (MissingExampleError, str(raised.value))
        assert str(MissingExampleError(str(raised.value))) == str(raised.value)

    def test_labels_and_names_of_absent_examples_are_known(self, ds, names):
        assert ds.filenames[17] == names[17]
        assert ds.synsets[17] == names[17].partition('_')[0]


class TestSubset:
    def test_mask_indices_and_names_give_the_same(self, ds, names):
        mask = np.zeros(51, bool)
        mask[[4, 9, 30]] = True
        for chosen in (
            mask,
            mask.tolist(),
            [4, 9, 30],
            np.array([4, 9, 30]),
            [names[i] for i in (4, 9, 30)],
            np.array([names[i] for i in (4, 9, 30)]),
            np.array([names[i] for i in (4, 9, 30)], object),
        ):
            subset = ds.subset(chosen)
            assert subset.indices.tolist() == [4, 9, 30]
            assert len(subset) == 3
            assert [example.index for example in subset] == [4, 9, 30]

    def test_order_and_repetitions_are_kept(self, ds, names):
        subset = ds.subset([30, 4, 30])
        assert [subset[i].index for i in range(3)] == [30, 4, 30]
        assert [example.index for example in subset[1:]] == [4, 30]
        assert [example.index for example in subset[[2, 1]]] == [30, 4]
        assert subset.filenames.tolist() == [names[30], names[4], names[30]]
        assert subset.labels.tolist() == ds.labels[[30, 4, 30]].tolist()
        assert subset.synsets.tolist() == ds.synsets[[30, 4, 30]].tolist()

    def test_subset_of_a_subset_takes_positions_masks_and_indices(self, ds, names):
        subset = ds.subset([30, 4, 9])
        assert subset.subset([False, True, True]).indices.tolist() == [4, 9]
        assert subset.subset([9, 30]).indices.tolist() == [9, 30]
        assert subset.subset([names[9]]).indices.tolist() == [9]
        with pytest.raises(MissingExampleError):
            subset.subset([5])
        with pytest.raises(IndexError, match=r'expected \(3,\)'):
            subset.subset(np.ones(51, bool))

    def test_object_array_holds_integers_or_names(self, ds, names):
        integers = np.array([np.int64(4), 9], object)
        assert ds.subset(integers).indices.tolist() == [4, 9]
        assert ds.subset(np.array(names[4:6], object)).indices.tolist() == [4, 5]
        with pytest.raises(TypeError, match='dtype object'):
            ds.subset(np.array([4, names[5]], object))

    def test_many_names_are_found_by_one_sort(self, ds, names):
        order = np.random.RandomState(0).permutation(51)
        chosen = [names[i] for i in order]
        assert ds.subset([*chosen, *chosen]).indices.tolist() == [*order, *order]

    @pytest.mark.parametrize('key', [-1, 3, [0, 3]])
    def test_position_outside_raises_index_error(self, ds, key):
        with pytest.raises(IndexError, match='expected 0 to 2'):
            ds.subset([1, 2, 3])[key]

    def test_wrong_mask_or_missing_example_raise_when_made(self, ds, incomplete):
        with pytest.raises(IndexError, match=r'mask has shape \(3,\) \(expected \(51,\)'):
            ds.subset([True, False, True])
        with pytest.raises(MissingExampleError):
            IndexedDataset(incomplete).subset([16, 17])
        with pytest.raises(IndexError):
            ds.subset([51])
        with pytest.raises(KeyError):
            ds.subset(['nothing.JPEG'])

    def test_empty_subset_has_length_zero(self, ds):
        assert len(ds.subset([])) == 0
        assert list(ds.subset(np.zeros(51, bool))) == []


class TestDamage:
    @pytest.fixture
    def data(self, built, tmp_path):
        return shutil.copytree(built, tmp_path / 'data')

    def damage(self, data, index, place, byte=None):
        ds = IndexedDataset(data)
        shard, offset, length, _ = ds._place(index)
        path = data / f'train-{shard:05d}-of-00004'
        content = bytearray(path.read_bytes())
        content[offset + 12 + (place if place >= 0 else length + place)] ^= 1
        path.write_bytes(content)
        return path, offset

    @pytest.mark.parametrize('place', [0, 1, 5, -1, 5000])
    def test_verify_flipped_bit_raises_never_returns_bytes(self, data, place):
        path, offset = self.damage(data, 7, place)
        with pytest.raises(CorruptRecordError) as raised:
            IndexedDataset(data, verify=True)[7]
        assert f'{path} at byte {offset:,}, index 7: ' in str(raised.value)
        assert IndexedDataset(data, verify=True)[8].index == 8

    def test_record_that_cannot_be_parsed_raises_without_verify_too(self, data):
        path, offset = self.damage(data, 7, 0)
        with pytest.raises(CorruptRecordError, match='index 7: the record is damaged'):
            IndexedDataset(data)[7]

    def test_record_of_another_index_raises(self, data):
        self.damage(data, 7, -1)
        with pytest.raises(CorruptRecordError, match='its index is 6'):
            IndexedDataset(data)[7]

    def test_shard_cut_short_raises(self, data):
        ds = IndexedDataset(data)
        last = max(range(51), key=lambda index: ds._place(index)[:2] == (1, 0))
        shard, offset, length, _ = ds._place(last)
        path = data / f'train-{shard:05d}-of-00004'
        path.write_bytes(path.read_bytes()[: offset + 12 + length - 5])
        for verify in (False, True):
            with pytest.raises(CorruptRecordError, match=r'bytes \(expected '):
                IndexedDataset(data, verify=verify)[last]

    @pytest.mark.parametrize(
        ('spoil', 'message'),
        [
            (lambda d: (d / 'train.offsets.npz').unlink(), 'no train.offsets.npz'),
            (
                lambda d: (d / 'train.offsets.npz').write_bytes(b'x'),
                'is not an offsets file',
            ),
            (lambda d: (d / 'train.json').write_text('{'), 'is not a manifest'),
        ],
    )
    def test_open_damaged_files_raise_dataset_error(self, data, spoil, message):
        spoil(data)
        with pytest.raises(DatasetError, match=message):
            IndexedDataset(data)


@pytest.mark.parametrize(
    ('split', 'make', 'message'),
    [
        ('test', lambda folder: None, "split is 'test'"),
        ('train', lambda folder: None, 'cannot be read: No such file'),
        ('train', lambda folder: folder.mkdir(), 'holds no train shards'),
    ],
)
def test_open_nothing_to_read_raises_dataset_error(tmp_path, split, make, message):
    make(tmp_path / 'data')
    with pytest.raises(DatasetError, match=message):
        IndexedDataset(tmp_path / 'data', split)


def test_open_unfinished_build_raises_dataset_error(built, tmp_path):
    (tmp_path / '.build' / 'train').mkdir(parents=True)
    (tmp_path / '.build' / 'train' / 'identity.json').touch()
    with pytest.raises(DatasetError, match='the build of train is unfinished'):
        IndexedDataset(tmp_path)


def test_reading_changes_nothing(built):
    before = digests(built)
    ds = IndexedDataset(built)
    assert ds[3].index == 3
    assert digests(built) == before


def test_repr_shows_the_fingerprint_and_not_the_path(ds, built):
    assert repr(ds) == (
        f'IndexedDataset(train, 51 of 51 examples, fingerprint {ds.fingerprint})'
    )
    assert str(built) not in repr(ds.subset([1, 2]))
    assert repr(ds.subset([1, 2])) != repr(ds.subset([2, 1]))
    assert repr(ds[0]).startswith('Example(index=0, height=')
    assert len(repr(ds[0])) < 200
