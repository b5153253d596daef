"""Runs a command that can read ``slow://`` URLs; see ``slow_store.py``."""

import sys

import slow_store

from indexed_imagenet.cli import main

if __name__ == '__main__':
    plugin = f'--beam_plugins={slow_store.__name__}'
    sys.exit(main.main([*sys.argv[1:], plugin]))
