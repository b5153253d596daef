"""A finished build's warnings are in the entries of its shards again."""

import numpy as np
import pytest

from indexed_imagenet.transforms.formats.build_plan import BuildPlan
from indexed_imagenet.transforms.formats.image_warnings import ImageWarning, ImageWarnings
from indexed_imagenet.transforms.formats.layout import shard_info_path
from indexed_imagenet.transforms.formats.shard_info import DECODE
from indexed_imagenet.transforms.plan_shards import read_shard_info
from indexed_imagenet.transforms.prepare_output import prepare_split
from indexed_imagenet.transforms.write_manifest import write_manifest
from support.reports import INDEX, build_id, report, shard_info

WARNINGS = [[ImageWarning(0, 'n1/a, b', 'x "y"')], [], [ImageWarning(2, 'n2/c', 'z')]]


@pytest.fixture
def output(tmp_path):
    """A finished build of three shards, two of them with warnings."""
    np.savez(tmp_path / 'index.npz', tr_filenames=INDEX.names, tr_labels=INDEX.labels)
    directory = tmp_path / 'out'
    directory.mkdir()
    reports = []
    for number, (index, warnings) in enumerate(
        zip(([4, 0], [1], [5, 2, 3]), WARNINGS, strict=True)
    ):
        packed = ImageWarnings.pack(warnings)
        info = shard_info(index, check=DECODE, warnings=packed)
        (directory / f'train-{number:05d}-of-00003').write_bytes(bytes(info.num_bytes))
        reports.append(report(number, info))
    write_manifest(reports, build_id(), str(directory), str(tmp_path / 'index.npz'))
    return directory


def restored(output):
    prepare_split(BuildPlan(build_id(), 6), str(output), overwrite=False)
    assert not (output / 'warnings-train.csv').exists()
    infos = [
        read_shard_info(shard_info_path(str(output), 'train', f'train-{i:05d}-of-00003'))
        for i in range(3)
    ]
    return [info.warnings.unpack() for info in infos]


def test_prepare_split_finished_build_restores_warnings_from_their_list(output):
    assert restored(output) == WARNINGS


@pytest.mark.parametrize('content', [None, 'edited', 'index,path,warning\n99,a,b\n'])
def test_prepare_split_list_missing_or_edited_restores_shards_without(output, content):
    path = output / 'warnings-train.csv'
    path.unlink() if content is None else path.write_text(content)
    assert restored(output) == [[], [], []]
