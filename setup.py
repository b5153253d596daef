"""The package: two folders named one by one, and the label files as data."""

import setuptools

setuptools.setup(
    name='indexed-imagenet',
    version='0.1.0',
    description='Builds ImageNet as TFRecords in which each image carries its index.',
    license='Apache-2.0',
    python_requires='>=3.11,<3.14',
    packages=['pipeline', 'transforms'],
    package_data={'pipeline': ['labels/*.txt']},
    install_requires=[
        'apache-beam>=2.77,<3',
        'tensorflow>=2.18,<3',
        'numpy>=2,<3',
        'google-crc32c>=1.5,<2',
        'rich>=13,<16',
        'tenacity>=8.2,<10',
    ],
    extras_require={
        'aws': ['apache-beam[aws]'],
        'gcp': ['apache-beam[gcp]'],
        'show': ['matplotlib>=3.8,<4'],
        'test': [
            'apache-beam[aws,gcp]',
            'flask>=3,<4',
            'flask-cors>=5,<7',
            'gcp-storage-emulator>=2024,<2027',
            'hypothesis>=6.100,<7',
            'moto[s3]>=5,<6',
            'pytest>=8,<10',
            'ruff>=0.9,<1',
        ],
    },
    entry_points={
        'console_scripts': ['indexed-imagenet = pipeline.commands:main_then_leave'],
    },
)
