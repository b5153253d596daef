"""``python -m pipeline``. Nothing else: workers cannot import ``__main__``."""

import sys

from pipeline.commands import main

if __name__ == '__main__':
    sys.exit(main())
