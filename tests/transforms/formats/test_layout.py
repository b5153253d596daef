import pytest

from indexed_imagenet.transforms.formats import layout

PATHS = [
    (layout.manifest_path, ['train'], 'train.json'),
    (layout.offsets_path, ['train'], 'train.offsets.npz'),
    (layout.offsets_path_before_0_2, ['train'], 'train.index.npz'),
    (layout.scores_path, ['train'], 'train.scores.npz'),
    (layout.missing_path, ['validation'], 'missing-validation.csv'),
    (layout.rejected_path, ['validation'], 'rejected-validation.csv'),
    (layout.warnings_path, ['train'], 'warnings-train.csv'),
    (layout.staging_dir, [], '.build'),
    (layout.split_staging_dir, ['train'], '.build/train'),
    (layout.lock_path, [], '.build/lock.json'),
    (layout.input_report_path, [], '.build/input_report.json'),
    (layout.build_plan_path, ['train'], '.build/train/identity.json'),
    (
        layout.shard_info_path,
        ['train', 'train-00000-of-01024'],
        '.build/train/train-00000-of-01024.json',
    ),
    (layout.summary_path, ['train'], '.build/train/summary.json'),
]


@pytest.mark.parametrize(('path_of', 'arguments', 'path'), PATHS)
@pytest.mark.parametrize('output', ['/data/out', 'gs://bucket/out', 's3://bucket/out/'])
def test_path_names_local_or_store_are_those_of_the_documentation(
    output, path_of, arguments, path
):
    assert path_of(output, *arguments) == f'{output.rstrip("/")}/{path}'


def test_path_names_every_function_is_tested():
    tested = {path_of.__name__ for path_of, _, _ in PATHS}
    suffixes = ('_path', '_dir', '_0_2')
    assert tested == {name for name in vars(layout) if name.endswith(suffixes)} - {
        'shard_path'
    }


@pytest.mark.parametrize(
    ('shard', 'num_shards', 'name'),
    [
        (0, 1, 'train-00000-of-00001'),
        (7, 1024, 'train-00007-of-01024'),
        (123_456, 1_000_000, 'train-123456-of-1000000'),
    ],
)
def test_shard_path_numbers_have_five_digits_or_more(shard, num_shards, name):
    assert layout.shard_path('train', shard, num_shards) == name
    assert layout.shard_path('/out/train', shard, num_shards) == f'/out/{name}'
    assert layout.is_shard_of(name, 'train')


def test_shard_names_are_all_shards_in_order():
    assert layout.shard_names('validation', 2) == [
        'validation-00000-of-00002',
        'validation-00001-of-00002',
    ]


@pytest.mark.parametrize(
    'name',
    [
        'validation-00000-of-00003',
        'train-0000-of-00003',
        'train-00000-of-3',
        'train-00000-of-00003.json',
        'train-00000-of-00003\n',
        'x-train-00000-of-00003',
        'train.json',
        '',
    ],
)
def test_is_shard_of_other_name_is_false(name):
    assert not layout.is_shard_of(name, 'train')


def test_is_shard_of_split_is_not_a_pattern():
    assert not layout.is_shard_of('train-00000-of-00003', 't.ain')
