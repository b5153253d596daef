"""Runs ``python -m indexed_imagenet``; in a checkout also ``python -m pipeline``.

Its only import is absolute, so that no module is loaded under two names. It defines
nothing, because workers cannot import ``__main__``.
"""

from indexed_imagenet.cli.main import main_and_exit

if __name__ == '__main__':
    main_and_exit()
