"""Packs a tree of images into the forms in which people have ImageNet."""

import io
import pathlib
import tarfile
import zipfile


def tar_of(path, files, format=tarfile.GNU_FORMAT) -> pathlib.Path:
    """Writes a tar of (name, content) pairs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, 'w', format=format) as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def images_below(folder) -> list[tuple[str, bytes]]:
    """Returns the relative path and content of each file, in the order of paths."""
    paths = sorted(path for path in pathlib.Path(folder).rglob('*') if path.is_file())
    return [(str(path.relative_to(folder)), path.read_bytes()) for path in paths]


def flat(files) -> list[tuple[str, bytes]]:
    """Returns files without their folders, in another order."""
    return [(name.rpartition('/')[2], content) for name, content in reversed(files)]


def inner_tars(folder, files) -> list[pathlib.Path]:
    """Writes one flat tar per class folder."""
    classes = sorted({name.partition('/')[0] for name, _ in files})
    return [
        tar_of(
            folder / f'{synset}.tar',
            flat([file for file in files if file[0].startswith(f'{synset}/')]),
        )
        for synset in classes
    ]


def zip_of(path, files, method=zipfile.ZIP_STORED) -> pathlib.Path:
    """Writes a zip of (name, content) pairs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, 'w', method) as packed:
        for name, content in files:
            packed.writestr(name, content)
    return path


def original_tars(folder, tree) -> list[str]:
    """Returns flags for the two tars that ImageNet is distributed as."""
    tars = inner_tars(folder / 'inner', images_below(tree / 'train'))
    train = [(path.name, path.read_bytes()) for path in tars]
    return [
        f'--train_directory={tar_of(folder / "ILSVRC2012_img_train.tar", train)}',
        '--validation_directory='
        f'{tar_of(folder / "img_val.tar", flat(images_below(tree / "validation")))}',
    ]


def inner_tars_and_class_folders(folder, tree) -> list[str]:
    """Returns flags for a folder of inner tars and a tar of class folders."""
    inner_tars(folder / 'inner', images_below(tree / 'train'))
    files = [(f'./val/{n}', data) for n, data in images_below(tree / 'validation')]
    validation = tar_of(folder / 'pax', files, tarfile.PAX_FORMAT)
    return [
        f'--train_directory={folder}/inner',
        f'--validation_directory={validation}',
    ]


def kaggle_zip(folder, tree) -> list[str]:
    """Returns flags for one deflated zip of both splits, with what else Kaggle has."""
    files = [(f'train/{n}', data) for n, data in images_below(tree / 'train')]
    files += [(f'val/{n}', data) for n, data in flat(images_below(tree / 'validation'))]
    files += [('test/ILSVRC2012_test_00000001.JPEG', files[0][1])]
    files = [(f'ILSVRC/Data/CLS-LOC/{n}', data) for n, data in files]
    files += [('ILSVRC/Annotations/CLS-LOC/train/n01739381/a.xml', b'<annotation/>')]
    path = zip_of(folder / 'kaggle.zip', files, zipfile.ZIP_DEFLATED)
    return [f'--train_directory={path}', f'--validation_directory={path}']


def globs(folder, tree) -> list[str]:
    """Returns flags for a glob of inner tars, and for several folders."""
    inner_tars(folder / 'inner', images_below(tree / 'train'))
    paths = sorted((tree / 'validation').iterdir())
    halves = [folder / 'one', folder / 'two']
    for number, path in enumerate(paths):
        half = halves[number % 2]
        half.mkdir(exist_ok=True)
        (half / path.name).symlink_to(path)
    return [
        f'--train_directory={folder}/inner/n*.tar',
        *(f'--validation_directory={half}' for half in halves),
    ]


FORMS = {
    'original tars': original_tars,
    'inner tars, class folders': inner_tars_and_class_folders,
    'zip': kaggle_zip,
    'globs': globs,
}
