"""The package ``indexed_imagenet``: the folders ``pipeline`` and ``transforms``."""

import pathlib
import re

import setuptools

_ROOT = pathlib.Path(__file__).parent

# Where each package is. Not by their own names: training projects have a
# ``transforms.py`` and a ``pipeline`` of their own.
_FOLDERS = {'indexed_imagenet': 'pipeline', 'indexed_imagenet.transforms': 'transforms'}


def _packages() -> list[str]:
    """Returns both packages and all that is below them, so that no room is missed."""
    found = list(_FOLDERS)
    for package, folder in _FOLDERS.items():
        below = setuptools.find_packages(str(_ROOT / folder))
        found += [f'{package}.{name}' for name in below]
    return found


def _version() -> str:
    text = (_ROOT / 'pipeline' / '__init__.py').read_text()
    return re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE)[1]


setuptools.setup(
    name='indexed-imagenet',
    version=_version(),
    description='Builds ImageNet as TFRecords in which each image carries its index.',
    license='Apache-2.0',
    python_requires='>=3.11,<3.14',
    package_dir=_FOLDERS,
    packages=_packages(),
    package_data={'indexed_imagenet': ['py.typed', 'labels/*.txt', 'pages/templates/*']},
    install_requires=[
        'apache-beam>=2.77,<3',
        'tensorflow>=2.18,<3',
        'numpy>=2,<3',
        'google-crc32c>=1.5,<2',
        'pillow>=10,<14',
        'requests>=2.32,<3',
        'rich>=13,<16',
        'simplejpeg>=1.9,<2',
        'tenacity>=8.2,<10',
    ],
    extras_require={
        'aws': ['apache-beam[aws]'],
        'gcp': ['apache-beam[gcp]'],
        'show': ['jinja2>=3.1,<4', 'matplotlib>=3.8,<4'],
        'test': [
            'apache-beam[aws,gcp]',
            'axe-core-python>=0.1,<1',
            'flask>=3,<4',
            'flask-cors>=5,<7',
            'gcp-storage-emulator>=2024,<2027',
            'hypothesis>=6.100,<7',
            'import-linter>=2.1,<3',
            'jinja2>=3.1,<4',
            'matplotlib>=3.8,<4',
            'moto[s3]>=5,<6',
            'mypy>=1.14,<3',
            'playwright>=1.45,<2',
            'pytest>=8,<10',
            'pytest-xdist>=3.6,<4',
            'ruff>=0.9,<1',
            'types-requests>=2.32,<3',
        ],
    },
    entry_points={
        'console_scripts': ['indexed-imagenet = indexed_imagenet.cli.main:main_and_exit'],
    },
)
