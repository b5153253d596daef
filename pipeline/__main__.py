"""``python -m indexed_imagenet``, and in a checkout ``python -m pipeline``.

One absolute import, so that no module is ever loaded under two names, and nothing
else: workers cannot import ``__main__``.
"""

from indexed_imagenet.cli.main import main_and_exit

if __name__ == '__main__':
    main_and_exit()
