"""Runs code blocks of READMEs as a reader pastes them after the sample build.

Tested are fenced blocks of Python and shell (```python, ```sh, ```bash), and indented
shell commands that use the sample. A comment right before a block leaves it out:

    <!-- test: skip, needs the real data set -->
"""

import dataclasses
import pathlib
import re
import sys

import pytest

from support.commands import ROOT, python_m, run_elsewhere

_FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r'(?<=\n\n)((?: {4}.*\n)+)')
_SKIP = re.compile(r'<!-- test: skip, (.+) -->\s*\Z')
_SHELLS = ('sh', 'bash', 'shell', 'console')

# The commands that a checkout has after the sample build.
_RUN_LOCAL = """#!/bin/sh
case $1 in -*) set -- build "$@" ;; esac
exec "{python}" -m indexed_imagenet "$@"
"""
_INSTALLED = '#!/bin/sh\nexec "{python}" -m indexed_imagenet "$@"\n'
_PYTHON = '#!/bin/sh\nexec "{python}" "$@"\n'


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A code block.

    Attributes:
      file: the README, below the checkout.
      line: the line of its first code line, from 1.
      language: 'python' or 'sh'.
      code: its text.
      skipped_because: why it is not run; empty if it is.
    """

    file: str
    line: int
    language: str
    code: str
    skipped_because: str


def find_blocks(file: str, text: str) -> list[Block]:
    """Returns the blocks that a reader may paste after the sample build."""
    found = []
    for match in _FENCE.finditer(text):
        language = 'sh' if match[1] in _SHELLS else match[1]
        if language in ('python', 'sh'):
            found.append((match.start(2), language, match[2]))
    without_fences = _FENCE.sub(lambda match: re.sub('.', ' ', match[0]), text)
    for match in _INDENTED.finditer(without_fences):
        if 'sample' in match[1]:
            code = re.sub('^ {4}', '', match[1], flags=re.MULTILINE)
            found.append((match.start(1), 'sh', code))
    blocks = []
    for start, language, code in sorted(found):
        before = re.sub(r'```\w*\n\Z', '', text[:start])
        skip = _SKIP.search(before)
        line = text.count('\n', 0, start) + 1
        code = code.strip() + '\n'
        blocks.append(Block(file, line, language, code, skip[1] if skip else ''))
    return blocks


BLOCKS = [
    block
    for file in ('README.md', 'pipeline/scores/README.md', 'pipeline/pages/README.md')
    for block in find_blocks(file, (ROOT / file).read_text())
]


@pytest.fixture(scope='session')
def checkout(tmp_path_factory) -> pathlib.Path:
    """A folder with what ``./run_local.sh`` leaves, of fewer images."""
    folder = tmp_path_factory.mktemp('checkout')
    (folder / '.venv' / 'bin').mkdir(parents=True)
    for name, script in (
        ('run_local.sh', _RUN_LOCAL),
        ('.venv/bin/indexed-imagenet', _INSTALLED),
        ('.venv/bin/python', _PYTHON),
    ):
        (folder / name).write_text(script.format(python=sys.executable))
        (folder / name).chmod(0o755)
    sample = ['--directory=sample', '--train_images=120', '--validation_images=20']
    build = [
        '--train_directory=sample/train',
        '--validation_directory=sample/validation',
        '--imagenet_index_file=sample/imagenet_index.npz',
        '--output_directory=sample-tfrecords',
        '--train_shards=8',
        '--validation_shards=2',
        '--direct_num_workers=1',
    ]
    for command in (python_m('sample', *sample), python_m('build', *build)):
        ended = run_elsewhere(command, folder)
        assert ended.status == 0, ended.err
    return folder


@pytest.mark.parametrize(
    'block', BLOCKS, ids=lambda block: f'{block.file} line {block.line}'
)
def test_readme_block_runs_as_pasted_and_prints_something(checkout, block):
    if block.skipped_because:
        pytest.skip(block.skipped_because)
    if block.language == 'python':
        command = [sys.executable, '-c', block.code]
    else:
        command = ['bash', '-euo', 'pipefail', '-c', block.code]
    path = f'{checkout}/.venv/bin:{pathlib.Path(sys.executable).parent}:/usr/bin:/bin'
    ended = run_elsewhere(command, checkout, PATH=path, TF_CPP_MIN_LOG_LEVEL='3')
    where = f'{block.file}, line {block.line}'
    assert ended.status == 0, f'{where}: {ended.err[-2000:]}'
    assert ended.out.strip(), f'{where}: it prints nothing'


def test_readme_has_python_blocks_and_most_blocks_are_run():
    python_blocks = [block for block in BLOCKS if block.language == 'python']
    run = [block for block in BLOCKS if not block.skipped_because]
    assert len(python_blocks) >= 2
    assert 2 * len(run) > len(BLOCKS)


def test_find_blocks_fences_indented_commands_and_skips_are_told_apart():
    text = (
        'Text.\n\n```python\nprint(1)\n\nif 1:\n    print("sample")\n```\n\n'
        '    ./run_local.sh verify \\\n      sample-tfrecords\n\n'
        '    wget https://example.org/index.npz\n\n'
        '<!-- test: skip, needs the real data set -->\n\n```sh\nls\n```\n'
        '```bibtex\n@article{}\n```\n'
    )
    assert find_blocks('x.md', text) == [
        Block('x.md', 4, 'python', 'print(1)\n\nif 1:\n    print("sample")\n', ''),
        Block('x.md', 10, 'sh', './run_local.sh verify \\\n  sample-tfrecords\n', ''),
        Block('x.md', 18, 'sh', 'ls\n', 'needs the real data set'),
    ]
