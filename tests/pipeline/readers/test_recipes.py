"""The snippets of the readers' README: real frameworks and tools in runs by name."""

import io
import pathlib
import re
import shutil
import sys

import numpy as np
import pytest

from indexed_imagenet import IndexedDataset
from indexed_imagenet.readers.paper import evaluation_array
from support.commands import ROOT

README = pathlib.Path(ROOT) / 'pipeline' / 'readers' / 'README.md'

_BLOCKS = re.findall(r'^```python\n(.*?)^```$', README.read_text('utf-8'), re.M | re.S)


def block(part: str) -> str:
    """Returns the only snippet that holds a text."""
    [found] = [code for code in _BLOCKS if part in code]
    return found


@pytest.fixture(scope='session', autouse=True)
def triton_first(request):
    """Imports Triton before a build imports TensorFlow: later, its import aborts."""
    names = [item.cls.__name__ for item in request.session.items if item.cls]
    if 'TestAttributionTools' in names and 'tensorflow' not in sys.modules:
        try:
            import triton.knobs  # noqa: F401
        except ImportError:
            return


@pytest.fixture
def ds(built, tmp_path, monkeypatch) -> IndexedDataset:
    """The golden tree, where the README has the sample's build; 51 examples."""
    (tmp_path / 'sample-tfrecords').symlink_to(built)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HF_HOME', str(tmp_path / 'huggingface'))
    return IndexedDataset('sample-tfrecords')


@pytest.fixture
def paste(ds):
    """Runs a snippet; returns its names."""

    def run(part: str, *replaced: tuple[str, str], **names) -> dict:
        code = block(part)
        for old, new in replaced:
            assert old in code
            code = code.replace(old, new)
        names = {'ds': ds, 'np': np, **names}
        exec(compile(code, part, 'exec'), names)
        return names

    return run


def check_batch(names, ds) -> None:
    """Compares what the recipe for JAX gave with the data set."""
    for position, index in enumerate(np.asarray(names['indices']).tolist()):
        example = ds[index]
        expected = evaluation_array(example.decode())
        assert (np.asarray(names['images'][position]) == expected).all()
        assert int(names['labels'][position]) == example.label


def test_first_snippet_prints_the_example(paste, ds, capsys):
    names = paste("IndexedDataset('sample-tfrecords', 'train')")
    example = names['example']
    lines = capsys.readouterr().out.splitlines()
    assert example == ds[17]
    assert lines[0] == f'17 {example.label} {example.synset} {example.text}'
    assert lines[1] == f'({example.height}, {example.width}, 3)'
    assert lines[2:4] == ['[30, 4]', '17']
    assert lines[4].startswith(f'51 {example.label} IndexedDataset(train, 51 of 51 ')


def test_subset_snippet_splits_the_data_set(paste, ds, capsys):
    names = paste('held_out')
    together = [*names['sub'].indices.tolist(), *names['held_out'].indices.tolist()]
    assert sorted(together) == list(range(51))
    assert 'True' in capsys.readouterr().out.splitlines()


def test_tf_data_snippet_gives_batches_and_a_subset(paste, tf, capsys):
    names = paste('as_tf_dataset([17, 3, 40]')
    assert names['batch']['image'].shape == (16, 224, 224, 3)
    assert sorted(int(element['index']) for element in names['few']) == [3, 17, 40]


def test_foreign_snippet_reads_shards_alone(paste, ds, golden, foreign, capsys):
    shutil.copytree(foreign, 'theirs')
    pathlib.Path('sample').symlink_to(golden)
    names = paste("IndexedDataset('theirs'", IndexedDataset=IndexedDataset)
    assert names['theirs'][17] == ds[17]
    assert names['theirs'].fingerprint is None


def test_jax_recipe_with_numpy_in_its_place(paste, ds):
    names = paste('jax.numpy', ('import jax.numpy as jnp', 'import numpy as jnp'))
    assert names['images'].shape == (16, 224, 224, 3)
    check_batch(names, ds)
    every = names['batches'](ds.indices, 16)
    assert [i for _, _, some in every for i in some.tolist()] == list(range(51))


@pytest.mark.parametrize('code', _BLOCKS)
def test_snippets_are_python(code):
    compile(code if not code.startswith("'") else f'{{{code}}}', 'README', 'exec')


@pytest.mark.long
class TestFrameworks:
    def test_pytorch_snippet_gives_a_batch(self, paste, ds):
        pytest.importorskip('torch', reason='PyTorch is not installed')
        names = paste('num_workers=2')
        assert names['image'].shape == (16, 3, 224, 224)
        assert names['label'].tolist() == ds.labels[names['index'].numpy()].tolist()

    def test_grain_snippet_gives_a_batch(self, paste):
        pytest.importorskip('grain', reason='Grain is not installed')
        assert paste('MapDataset.source')['elements'][0]['index'].shape == (8,)

    def test_tfds_snippet_gives_records(self, paste, ds):
        reason = 'TensorFlow Datasets is not installed'
        pytest.importorskip('tensorflow_datasets', reason=reason)
        names = paste('builder_from_directory')
        assert names['e']['image/class/label'] == ds[int(names['e']['index'])].class_label

    def test_hugging_face_recipe_keeps_the_bytes(self, paste, ds):
        datasets = pytest.importorskip('datasets', reason='datasets is not installed')
        hf = paste('from datasets import')['hf']
        again = datasets.Dataset.from_parquet('sample.parquet')
        for made in (hf, again):
            made = made.cast_column('image', datasets.Image(decode=False))
            assert made['index'][:] == [17, 3, 40]
            for row in made:
                assert row['image']['bytes'] == ds[row['index']].image
                assert row['image']['path'] == ds[row['index']].filename
                assert row['label'] == ds[row['index']].label

    def test_hugging_face_turns_an_exif_image_and_this_package_does_not(self, ds):
        datasets = pytest.importorskip('datasets', reason='datasets is not installed')
        from PIL import Image

        turned = [
            e for e in ds if Image.open(io.BytesIO(e.image)).getexif().get(274, 1) > 4
        ]
        assert turned
        for example in turned:
            decoded = datasets.Image().decode_example(
                {'bytes': example.image, 'path': None}
            )
            assert decoded.size == (example.height, example.width)
            assert example.decode().shape[:2] == (example.height, example.width)

    def test_jax_recipe_gives_a_batch(self, paste, ds):
        pytest.importorskip('jax', reason='JAX is not installed')
        check_batch(paste('jax.numpy'), ds)

    def test_webdataset_recipe_keeps_the_bytes(self, paste, ds):
        wds = pytest.importorskip('webdataset', reason='webdataset is not installed')
        paste('ShardWriter')
        samples = list(wds.WebDataset('sample-00000.tar', shardshuffle=False))
        assert [int(sample['__key__']) for sample in samples] == list(range(32))
        assert all(sample['jpg'] == ds[i].image for i, sample in enumerate(samples))

    def test_mds_recipe_keeps_the_bytes(self, paste, ds):
        streaming = pytest.importorskip('streaming', reason='Streaming is not installed')
        paste('MDSWriter')
        made = streaming.LocalDataset('sample-mds')
        assert [made[i]['image'] for i in range(32)] == [e.image for e in ds[:32]]


@pytest.mark.long
class TestAttributionTools:
    """A model of a few hundred weights, 32 training and 4 test examples."""

    @pytest.fixture
    def torch(self):
        if 'tensorflow' in sys.modules and 'triton' not in sys.modules:
            pytest.skip('TensorFlow was imported before Triton; run this file alone')
        return pytest.importorskip('torch', reason='PyTorch is not installed')

    @pytest.fixture
    def model(self, torch):
        torch.manual_seed(0)
        nn = torch.nn
        conv = nn.Conv2d(3, 8, 7, stride=16)
        pool = nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(
            conv, nn.ReLU(), pool, nn.Flatten(), nn.Linear(8, 1000)
        ).eval()

    @pytest.fixture
    def train(self, ds):
        return ds.subset(range(32)).torch(preprocess='paper')

    @pytest.fixture
    def test(self, ds):
        return ds.subset(range(32, 36)).torch(preprocess='paper')

    @pytest.fixture
    def loader(self, torch):
        return torch.utils.data.DataLoader

    def test_trak_scores_by_index(self, ds, model, test, loader):
        trak = pytest.importorskip('trak', reason='TRAK (traker) is not installed')
        parts = ('image', 'index', 'label')
        data = ds.subset(range(32)).torch(preprocess='paper', returns=parts)
        traker = trak.TRAKer(
            model,
            task='image_classification',
            train_set_size=len(data),
            device='cpu',
            proj_dim=128,
            use_half_precision=False,
        )
        traker.load_checkpoint(model.state_dict(), model_id=0)
        for image, index, label in loader(data, batch_size=8, shuffle=True):
            traker.featurize(batch=(image, label), inds=index.numpy())
        traker.finalize_features()
        state = model.state_dict()
        traker.start_scoring_checkpoint('test', state, model_id=0, num_targets=len(test))
        traker.score(batch=next(iter(loader(test, batch_size=4))), num_samples=4)
        assert traker.finalize_scores('test').shape == (32, 4)

    def test_dattri_attributes(self, torch, model, train, test, loader):
        pytest.importorskip('dattri', reason='dattri is not installed')
        from dattri.algorithm.tracin import TracInAttributor
        from dattri.task import AttributionTask

        def loss(params, batch):
            image, label = batch
            output = torch.func.functional_call(model, params, (image[None],))
            return torch.nn.functional.cross_entropy(output, label[None])

        task = AttributionTask(loss, model, [model.state_dict()])
        attributor = TracInAttributor(task, torch.ones(1), normalized_grad=False)
        with torch.no_grad():
            scores = attributor.attribute(
                loader(train, batch_size=8), loader(test, batch_size=4)
            )
        assert scores.shape == (32, 4)

    def test_kronfluence_scores(self, torch, model, train, test):
        pytest.importorskip('kronfluence', reason='kronfluence is not installed')
        from kronfluence.analyzer import Analyzer, prepare_model
        from kronfluence.task import Task

        class Classification(Task):
            def compute_train_loss(self, batch, model, sample=False):
                output, target = model(batch[0]), batch[1]
                if sample:
                    target = torch.distributions.Categorical(logits=output).sample()
                return torch.nn.functional.cross_entropy(output, target, reduction='sum')

            def compute_measurement(self, batch, model):
                return self.compute_train_loss(batch, model)

        task = Classification()
        analyzer = Analyzer('sample', prepare_model(model, task), task, cpu=True)
        analyzer.fit_all_factors('factors', dataset=train, per_device_batch_size=8)
        analyzer.compute_pairwise_scores(
            'scores',
            'factors',
            query_dataset=test,
            train_dataset=train,
            per_device_query_batch_size=4,
            per_device_train_batch_size=8,
        )
        assert analyzer.load_pairwise_scores('scores')['all_modules'].shape == (4, 32)

    def test_captum_finds_proponents(self, torch, model, train, loader):
        pytest.importorskip('captum', reason='captum is not installed')
        from captum.influence import TracInCPFast

        def load(model, path):
            model.load_state_dict(torch.load(path))
            return 1.0

        torch.save(model.state_dict(), 'model.pt')
        tracin = TracInCPFast(
            model,
            model[-1],
            train,
            checkpoints=['model.pt'],
            checkpoints_load_func=load,
            loss_fn=torch.nn.CrossEntropyLoss(reduction='sum'),
            batch_size=8,
        )
        batch = tuple(next(iter(loader(train, batch_size=2))))
        positions, _ = tracin.influence(batch, k=3)
        assert positions.shape == (2, 3)
        assert set(train.indices[positions.numpy().ravel()]) <= set(range(32))

    def test_datamodels_mask_trains_on_its_examples(self, ds, loader):
        masks = np.random.RandomState(0).rand(3, len(ds)) < 0.5
        for mask in masks:
            data = ds.subset(mask).torch(preprocess='paper', returns=('image', 'index'))
            seen = [i for _, index in loader(data, batch_size=8) for i in index.tolist()]
            assert seen == np.flatnonzero(mask).tolist()

    def test_pydvl_has_examples_by_name_and_influences(
        self, ds, torch, model, train, loader
    ):
        reason = 'pyDVL is not installed, or not for this numpy'
        valuation = pytest.importorskip('pydvl.valuation', reason=reason)
        from pydvl.influence import InfluenceMode
        from pydvl.influence.torch import LissaInfluence

        means = np.stack([image.numpy().mean((1, 2)) for image, _ in train])
        names = ds.filenames[train.indices]
        data = valuation.Dataset(means, np.asarray(train.targets), data_names=names)
        assert data.names.tolist() == names.tolist()
        loss = torch.nn.functional.cross_entropy
        influence = LissaInfluence(model, loss, regularization=1.0, maxiter=3)
        influence = influence.fit(loader(train, batch_size=8))
        image, label = next(iter(loader(train, batch_size=2)))
        given = influence.influences(image, label, image, label, mode=InfluenceMode.Up)
        assert given.shape == (2, 2)

    def test_cleanvision_checks_images_by_position(self, ds):
        cleanvision = pytest.importorskip('cleanvision', reason='cleanvision is missing')
        lab = cleanvision.Imagelab(torchvision_dataset=ds.torch())
        lab.find_issues(n_jobs=1)
        assert lab.issues.index.tolist() == list(range(51))
