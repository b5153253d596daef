"""Readers and formats work without Beam and TensorFlow, and never import them."""

import pathlib
import subprocess
import sys
import sysconfig

import pytest

from support.commands import ROOT, build_command, python_m, run_elsewhere

HEAVY = ('apache_beam', 'tensorflow', 'rich', 'tenacity', 'boto3', 'google.cloud.storage')

IMPORT_ALL = f"""
import importlib, pkgutil, sys
from indexed_imagenet import transforms
from indexed_imagenet.transforms import formats
import indexed_imagenet.readers.dataset
import indexed_imagenet.transforms.storage.atomic

for module in pkgutil.iter_modules(formats.__path__, formats.__name__ + '.'):
    importlib.import_module(module.name)
print([name for name in {HEAVY} if name in sys.modules])
"""

READ = """
import sys
from indexed_imagenet import IndexedDataset
from indexed_imagenet.transforms.formats.layout import manifest_path, offsets_path
from indexed_imagenet.transforms.formats.manifest import read_manifest
from indexed_imagenet.transforms.formats.offsets import read_offsets
from indexed_imagenet.transforms.formats.tfrecord import read_frames
from indexed_imagenet.transforms.formats.example_decoder import decode_example

directory = sys.argv[1]
manifest = read_manifest(directory, 'train')
offsets = read_offsets(offsets_path(directory, 'train'))
for shard, entry in enumerate(manifest.shards):
    for frame in read_frames(f'{directory}/{entry.name}'):
        features = decode_example(frame.payload)
        [index] = features['index'].values
        assert (offsets.shard[index], offsets.offset[index]) == (shard, frame.offset)
        assert features['image/filename'].values == (offsets.names[index],)
        assert features['image/class/label'].values == (offsets.label[index] + 1,)
ds = IndexedDataset(directory, 'train')
assert all(ds[index].decode().ndim == 3 for index in ds.indices)
assert len(ds.torch(decode=False)) == len(ds)
print(manifest.examples)
"""


@pytest.fixture(scope='module')
def bare_python(wheel, tmp_path_factory) -> pathlib.Path:
    """An environment with the wheel, numpy, Pillow, google-crc32c; nothing else."""
    folder = tmp_path_factory.mktemp('bare') / 'environment'
    venv = [sys.executable, '-m', 'venv', '--without-pip', folder]
    subprocess.run(venv, check=True, timeout=60)
    [packages] = folder.glob('lib/python*/site-packages')
    installed = pathlib.Path(sysconfig.get_path('purelib'))
    packages_of_readers = ('numpy', 'PIL', 'google_crc32c')
    libraries = ('numpy.libs', 'pillow.libs', 'google_crc32c.libs')
    for name in packages_of_readers + libraries:
        if (installed / name).exists():  # wheels of some systems have no .libs
            (packages / name).symlink_to(installed / name)
    python = folder / 'bin' / 'python'
    pip = [sys.executable, '-m', 'pip', '--python', python, 'install', '--quiet']
    subprocess.run(
        [*pip, '--no-index', '--no-deps', '--ignore-installed', wheel],
        check=True,
        timeout=60,
    )
    return python


def test_readers_formats_and_local_storage_fresh_process_loads_nothing_heavy():
    ended = run_elsewhere([sys.executable, '-c', IMPORT_ALL], ROOT)
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[-1] == '[]'


def test_readers_environment_without_beam_reads_a_data_set(bare_python, golden, tmp_path):
    output = tmp_path / 'out'
    ended = run_elsewhere(python_m(*build_command(golden, output)), ROOT)
    assert ended.status == 0, ended.err
    ended = run_elsewhere([bare_python, '-c', READ, output], tmp_path, PYTHONPATH='')
    assert ended.status == 0, ended.err
    assert ended.out.strip() == '51'
    ended = run_elsewhere(
        [bare_python, '-c', 'import apache_beam'], tmp_path, PYTHONPATH=''
    )
    assert 'ModuleNotFoundError' in ended.err
