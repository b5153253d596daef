"""The images that a build of the sample converts are those of the original's list."""

import json

import numpy as np

from indexed_imagenet.sample.classes import CONVERTED_NAMES


def test_build_of_a_sample_converts_just_the_images_of_the_original_list(run, tmp_path):
    sample, output = tmp_path / 'sample', tmp_path / 'out'
    flags = ('--train_images=40', '--validation_images=1')
    assert run('sample', f'--directory={sample}', *flags).status == 0
    ended = run(
        'build',
        f'--train_directory={sample}/train',
        f'--imagenet_index_file={sample}/imagenet_index.npz',
        f'--output_directory={output}',
        '--train_shards=2',
        '--direct_num_workers=1',
    )
    assert ended.status == 0, ended.err
    with np.load(sample / 'imagenet_index.npz') as index:
        names = [name.decode() for name in index['tr_filenames'].tolist()]
    manifest = json.loads((output / 'train.json').read_text())
    converted = {names[entry['index']] for entry in manifest['converted']}
    assert converted == CONVERTED_NAMES & set(names)
    assert len(converted) == 3
